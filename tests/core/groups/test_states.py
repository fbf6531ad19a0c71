from odradek.core.groups.states import MAY_BECOME, REBALANCES, State


def test_the_table_has_a_row_for_every_state() -> None:
    assert list(MAY_BECOME) == list(State)


def test_every_living_state_can_be_reached_and_left() -> None:
    for state in State:
        assert (MAY_BECOME[state] == ()) == (state is State.DEAD)
        assert any(state in after for after in MAY_BECOME.values())


def test_a_rebalance_can_begin_exactly_where_the_table_says() -> None:
    assert tuple(state for state in State if State.PREPARING in MAY_BECOME[state]) == REBALANCES
