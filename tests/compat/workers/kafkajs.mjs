// kafkajs as a worker.
import { randomUUID } from 'node:crypto'
import zlib from 'node:zlib'
import kafkajs from 'kafkajs'
import snappy from 'kafkajs-snappy'
import lz4 from 'lz4-napi'
import { Reading, Sending, hexed, offsetsOf, serve, servers, unhexed } from './worker.mjs'

const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = kafkajs
const BATCH = 2000
const types = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD
}
CompressionCodecs[CompressionTypes.Snappy] = snappy
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async encoder => lz4.compressFrameSync(encoder.buffer),
  decompress: async data => lz4.decompressFrameSync(data)
})
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async encoder => zlib.zstdCompressSync(encoder.buffer),
  decompress: async data => zlib.zstdDecompressSync(data)
})

const kafka = new Kafka({
  brokers: [servers],
  clientId: 'compat',
  logLevel: logLevel.ERROR,
  retry: { retries: 30, initialRetryTime: 100, maxRetryTime: 500 }
})

let madeAdmin
async function admin () {
  if (!madeAdmin) {
    madeAdmin = kafka.admin()
    await madeAdmin.connect()
  }
  return madeAdmin
}

function messageOf ([partition, , timestamp, key, value, pairs]) {
  const headers = {}
  for (const [name, text] of pairs) {
    headers[name] = name in headers ? [].concat(headers[name], [unhexed(text)]) : unhexed(text)
  }
  const stamp = timestamp === null ? {} : { timestamp: String(timestamp) }
  return { partition, key: unhexed(key), value: unhexed(value), headers, ...stamp }
}

function pairsOf (headers) {
  return Object.entries(headers).flatMap(([name, value]) =>
    Array.isArray(value) ? value.map(v => [name, hexed(v)]) : [[name, hexed(value)]])
}

async function sendBatch (producer, topic, records, compression) {
  const answer = await producer.send({ topic, acks: -1, compression, messages: records.map(messageOf) })
  return offsetsOf(records, answer.map(a => [a.partition, Number(a.baseOffset)]))
}

const client = {
  async create_topic ({ topic, partitions, configs }) {
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    const made = await (await admin()).createTopics({
      waitForLeaders: true,
      topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }]
    })
    if (!made) throw new Error('it exists') // kafkajs says so with false
  },
  async delete_topic ({ topic }) { await (await admin()).deleteTopics({ topics: [topic] }) },
  async list_topics () { return (await (await admin()).listTopics()).sort() },
  async partitions_of ({ topic }) {
    const { topics } = await (await admin()).fetchTopicMetadata({ topics: [topic] })
    return topics[0].partitions.length
  },
  async configs_of ({ topic }) {
    const { resources } = await (await admin()).describeConfigs({
      includeSynonyms: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }]
    })
    return Object.fromEntries(resources[0].configEntries.map(e => [e.configName, e.configValue]))
  },
  async alter_config ({ topic, name, value }) {
    const configEntries = [{ name, value }]
    await (await admin()).alterConfigs({
      validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }]
    })
  },
  async add_partitions ({ topic, total }) {
    await (await admin()).createPartitions({ topicPartitions: [{ topic, count: total }] })
  },
  async delete_records ({ topic, partition, before }) {
    await client.ends({ topic }) // makes the admin client learn the topic's leaders
    await (await admin()).deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] })
    return (await client.ends({ topic }))[partition][0]
  },
  async ends ({ topic }) {
    const found = await (await admin()).fetchTopicOffsets(topic)
    return Object.fromEntries(found.map(f => [f.partition, [Number(f.low), Number(f.high)]]))
  },
  async offset_at ({ topic, partition, timestamp }) {
    const end = (await client.ends({ topic }))[partition][1]
    const found = await (await admin()).fetchTopicOffsetsByTimestamp(topic, timestamp)
    const offset = Number(found.find(f => f.partition === partition).offset)
    return offset >= end ? null : offset // kafkajs answers the end for "nothing that late"
  },
  async list_groups () { return (await (await admin()).listGroups()).groups.map(g => g.groupId).sort() },
  async group ({ group }) {
    const { groups: [found] } = await (await admin()).describeGroups([group])
    return { state: found.state, members: found.members.length }
  },
  async delete_group ({ group }) { await (await admin()).deleteGroups([group]) },
  async committed ({ group, topic }) {
    const [found] = await (await admin()).fetchOffsets({ groupId: group, topics: [topic] })
    return Object.fromEntries(found.partitions.filter(p => Number(p.offset) >= 0).map(p => [p.partition, Number(p.offset)]))
  },
  async commit_for ({ group, topic, partition, offset }) {
    await (await admin()).setOffsets({ groupId: group, topic, partitions: [{ partition, offset: String(offset) }] })
  },

  async produce ({ topic, records, compression }) {
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    const where = []
    for (let i = 0; i < records.length; i += BATCH) {
      where.push(...await sendBatch(producer, topic, records.slice(i, i + BATCH), types[compression]))
    }
    await producer.disconnect()
    return where
  },
  async consume ({ topic, since = null }) {
    const ends = await client.ends({ topic })
    const starts = {}
    for (const [p, [low, high]] of Object.entries(ends)) {
      starts[p] = since === null ? low : (await client.offset_at({ topic, partition: Number(p), timestamp: since })) ?? high
    }
    const reading = new Reading(starts, Object.fromEntries(Object.entries(ends).map(([p, [, high]]) => [p, high])))
    const consumer = kafka.consumer({ groupId: `reader-${randomUUID()}`, maxWaitTimeInMs: 100 })
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: 4,
      eachMessage: async ({ partition, message: m }) =>
        reading.add(partition, Number(m.offset), Number(m.timestamp), m.key, m.value, pairsOf(m.headers))
    })
    if (since !== null) {
      for (const [p, start] of Object.entries(starts)) consumer.seek({ topic, partition: Number(p), offset: String(start) })
    }
    await reading.done
    await consumer.disconnect()
    return reading.records
  },

  async join ({ group, topic, session_ms }) {
    const member = { assigned: [], seen: [], positions: new Map(), failed: null }
    const consumer = kafka.consumer({
      groupId: group, sessionTimeout: session_ms, rebalanceTimeout: 10000, heartbeatInterval: 500, maxWaitTimeInMs: 100
    })
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => { member.assigned = payload.memberAssignment[topic] ?? [] })
    consumer.on(consumer.events.CRASH, ({ payload }) => { if (!payload.restart) member.failed = payload.error.message })
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        member.seen.push([partition, Number(message.offset)])
        member.positions.set(partition, Number(message.offset) + 1)
      }
    })
    Object.assign(client, { member, consumer, topic })
  },
  poll () {
    if (client.member.failed) throw new Error(client.member.failed)
    return { assigned: [...client.member.assigned].sort(), seen: client.member.seen.splice(0) }
  },
  async commit () {
    const mine = [...client.member.positions].filter(([p]) => client.member.assigned.includes(p))
    const offsets = mine.map(([partition, offset]) => ({ topic: client.topic, partition, offset: String(offset) }))
    await client.consumer.commitOffsets(offsets)
  },
  async leave () { await client.consumer.disconnect() },

  async start_sending ({ topic, records }) {
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    client.sending = new Sending(records, batch => sendBatch(producer, topic, batch, types.none))
  },
  progress () { return client.sending.progress() },
  async finish_sending () { return await client.sending.finish() }
}

await serve(client)
