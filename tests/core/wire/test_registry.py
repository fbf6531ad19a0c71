"""The table of APIs says what the declarations say, and costs nothing until they are needed."""

import subprocess
import sys

from odradek.core.wire.registry import APIS, NAMES, shapes


def test_a_row_says_what_the_declared_classes_say() -> None:
    for api in APIS.values():
        for shape in shapes(api.key):
            assert (shape.key, shape.versions, shape.flexible) == (
                api.key,
                (api.lowest, api.highest),
                api.flexible,
            ), shape.name
        assert api.request.__name__ == api.name + "Request"
        assert api.response.__name__ == api.name + "Response"


def test_all_keys_of_kafka_but_the_four_removed_ones_are_there_in_order() -> None:
    assert list(APIS) == [key for key in range(93) if key not in (4, 5, 6, 7)]
    assert {name: api.key for name, api in NAMES.items()} == {api.name: key for key, api in APIS.items()}


def test_only_init_producer_id_has_an_unstable_version() -> None:
    assert [api.name for api in APIS.values() if api.unstable] == ["InitProducerId"]


def test_a_version_is_flexible_from_the_first_flexible_one_on() -> None:
    assert [APIS[1].is_flexible(version) for version in (4, 11, 12, 18)] == [False, False, True, True]
    assert not NAMES["SaslHandshake"].is_flexible(1)
    assert [APIS[1].has(version) for version in (3, 4, 18, 19)] == [False, True, True, False]


def test_the_table_loads_no_declarations() -> None:
    code = (
        "import sys; from odradek.core.wire import registry; "
        "areas = {f'odradek.core.wire.{api.area}' for api in registry.APIS.values()}; "
        "print(len(areas & set(sys.modules))); registry.APIS[1].request; print(*(areas & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["0", "odradek.core.wire.fetch"]
