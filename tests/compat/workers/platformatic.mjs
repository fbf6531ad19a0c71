// @platformatic/kafka as a worker.
import { randomUUID } from 'node:crypto'
import {
  Admin, ConfigResourceTypes, Consumer, IncrementalAlterConfigOperationTypes, ListOffsetTimestamps, MessagesStreamFallbackModes,
  MessagesStreamModes, ProduceAcks, Producer
} from '@platformatic/kafka'
import { Reading, Sending, hexed, offsetsOf, serve, servers, unhexed } from './worker.mjs'

const BATCH = 2000
const base = { clientId: 'compat', bootstrapBrokers: [servers], strict: true }

let madeAdmin
function admin () {
  madeAdmin ??= new Admin(base)
  return madeAdmin
}

function messageOf (topic, [partition, , timestamp, key, value, pairs]) {
  const headers = new Map(pairs.map(([name, text]) => [Buffer.from(name), unhexed(text)]))
  const message = { topic, partition, key: unhexed(key), value: unhexed(value), headers }
  if (timestamp !== null) message.timestamp = BigInt(timestamp)
  return message
}

async function sendBatch (producer, topic, records, compression) {
  const { offsets } = await producer.send({ messages: records.map(r => messageOf(topic, r)), compression })
  return offsetsOf(records, offsets.map(o => [o.partition, Number(o.offset)]))
}

async function listed (topic, timestamp) {
  const wanted = Array.from({ length: await client.partitions_of({ topic }) }, (_, partitionIndex) => ({ partitionIndex, timestamp }))
  const [found] = await admin().listOffsets({ topics: [{ name: topic, partitions: wanted }] })
  return new Map(found.partitions.map(p => [p.partitionIndex, Number(p.offset)]))
}

const producer = () => new Producer({ ...base, idempotent: true, acks: ProduceAcks.ALL, retries: 100, retryDelay: 200 })

const client = {
  async create_topic ({ topic, partitions, configs }) {
    const entries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    await admin().createTopics({ topics: [topic], partitions, replicas: 1, configs: entries })
  },
  async delete_topic ({ topic }) { await admin().deleteTopics({ topics: [topic] }) },
  async list_topics () { return (await admin().listTopics()).sort() },
  async partitions_of ({ topic }) {
    const metadata = await admin().metadata({ topics: [topic], forceUpdate: true })
    return metadata.topics.get(topic).partitionsCount
  },
  async configs_of ({ topic }) {
    const [found] = await admin().describeConfigs({
      resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: null }]
    })
    return Object.fromEntries(found.configs.map(c => [c.name, c.value]))
  },
  async alter_config ({ topic, name, value }) {
    const configs = [{ name, value, configOperation: IncrementalAlterConfigOperationTypes.SET }]
    await admin().incrementalAlterConfigs({
      resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configs }]
    })
  },
  async add_partitions ({ topic, total }) {
    const { brokers, topics } = await admin().metadata({ topics: [topic], forceUpdate: true })
    const more = total - topics.get(topic).partitionsCount // it asks for the place of each new partition
    const assignments = Array.from({ length: more }, () => ({ brokerIds: [[...brokers.keys()][0]] }))
    await admin().createPartitions({ topics: [{ name: topic, count: total, assignments }] })
  },
  async delete_records ({ topic, partition, before }) {
    const [found] = await admin().deleteRecords({ topics: [{ name: topic, partitions: [{ partition, offset: BigInt(before) }] }] })
    return Number(found.partitions[0].lowWatermark)
  },
  async ends ({ topic }) {
    const [lows, highs] = [await listed(topic, ListOffsetTimestamps.EARLIEST), await listed(topic, ListOffsetTimestamps.LATEST)]
    return Object.fromEntries([...lows].map(([p, low]) => [p, [low, highs.get(p)]]))
  },
  async offset_at ({ topic, partition, timestamp }) {
    const offset = (await listed(topic, BigInt(timestamp))).get(partition)
    return offset < 0 ? null : offset
  },
  async list_groups () { return [...(await admin().listGroups()).keys()].sort() },
  async group ({ group }) {
    const found = (await admin().describeGroups({ groups: [group] })).get(group)
    return { state: found.state, members: found.members.size }
  },
  async delete_group ({ group }) { await admin().deleteGroups({ groups: [group] }) },
  async committed ({ group, topic }) {
    const [found] = await admin().listConsumerGroupOffsets({ groups: [group] })
    const partitions = found.topics.find(t => t.name === topic)?.partitions ?? []
    return Object.fromEntries(partitions.map(p => [p.partitionIndex, Number(p.committedOffset)]))
  },
  async commit_for ({ group, topic, partition, offset }) {
    await admin().alterConsumerGroupOffsets({
      groupId: group, topics: [{ name: topic, partitionOffsets: [{ partition, offset: BigInt(offset) }] }]
    })
  },

  async produce ({ topic, records, compression }) {
    const sender = producer()
    const where = []
    for (let i = 0; i < records.length; i += BATCH) {
      where.push(...await sendBatch(sender, topic, records.slice(i, i + BATCH), compression))
    }
    await sender.close()
    return where
  },
  async consume ({ topic, since = null }) {
    const ends = await client.ends({ topic })
    const starts = {}
    for (const [p, [low, high]] of Object.entries(ends)) {
      starts[p] = since === null ? low : (await client.offset_at({ topic, partition: Number(p), timestamp: since })) ?? high
    }
    const reading = new Reading(starts, Object.fromEntries(Object.entries(ends).map(([p, [, high]]) => [p, high])))
    const consumer = new Consumer({ ...base, groupId: `reader-${randomUUID()}` })
    const offsets = Object.entries(starts).map(([p, start]) => ({ topic, partition: Number(p), offset: BigInt(start) }))
    const stream = await consumer.consume({
      topics: [topic], mode: MessagesStreamModes.MANUAL, offsets, autocommit: false, maxWaitTime: 100
    })
    stream.on('error', reading.fail)
    stream.on('data', m => reading.add(
      m.partition, Number(m.offset), Number(m.timestamp), m.key, m.value,
      m.headerEntries.map(([name, value]) => [name.toString(), hexed(value)])
    ))
    await reading.done
    await consumer.close(true)
    return reading.records
  },

  async join ({ group, topic, session_ms }) {
    const member = { seen: [], positions: new Map(), failed: null }
    const consumer = new Consumer({
      ...base, groupId: group, sessionTimeout: session_ms, rebalanceTimeout: 10000, heartbeatInterval: 500
    })
    const stream = await consumer.consume({
      topics: [topic],
      mode: MessagesStreamModes.COMMITTED,
      fallbackMode: MessagesStreamFallbackModes.EARLIEST,
      autocommit: false,
      maxWaitTime: 100
    })
    stream.on('error', error => { member.failed = error.message })
    stream.on('data', m => {
      member.seen.push([m.partition, Number(m.offset)])
      member.positions.set(m.partition, { offset: m.offset + 1n, leaderEpoch: m.leaderEpoch })
    })
    Object.assign(client, { member, consumer, topic })
  },
  assigned () {
    const found = client.consumer.assignments?.find(a => a.topic === client.topic)
    return [...(found?.partitions ?? [])].sort()
  },
  poll () {
    if (client.member.failed) throw new Error(client.member.failed)
    return { assigned: client.assigned(), seen: client.member.seen.splice(0) }
  },
  async commit () {
    const mine = [...client.member.positions].filter(([p]) => client.assigned().includes(p))
    if (mine.length === 0) return
    await client.consumer.commit({ offsets: mine.map(([partition, at]) => ({ topic: client.topic, partition, ...at })) })
  },
  async leave () { await client.consumer.close(true) },

  async start_sending ({ topic, records }) {
    const sender = producer()
    client.sending = new Sending(records, batch => sendBatch(sender, topic, batch, 'none'))
  },
  progress () { return client.sending.progress() },
  async finish_sending () { return await client.sending.finish() }
}

await serve(client)
