// The conversation of worker.py, for clients in node: one JSON command per line in, one JSON answer per line out.
// Knows no Kafka client.  Exactly one answer per command, in order.
import { once } from 'node:events'
import readline from 'node:readline'

export const hexed = data => (data === null || data === undefined ? null : Buffer.from(data).toString('hex'))
export const unhexed = text => (text === null ? null : Buffer.from(text, 'hex'))
export const pause = ms => new Promise(resolve => setTimeout(resolve, ms))
export const servers = process.argv[2]

export async function serve (client) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { do: name, ...command } = JSON.parse(line)
    let answer
    try {
      answer = { ok: (await client[name](command)) ?? null }
    } catch (error) {
      console.error(error)
      answer = { failed: said(error) }
    }
    if (!process.stdout.write(JSON.stringify(answer) + '\n')) await once(process.stdout, 'drain')
  }
  process.exit(0)
}

// What an error and all those inside it say.
function said (error) {
  return [`${error.name}: ${error.message}`, ...(error.errors ?? []).map(said)].join(' < ')
}

// Counts records until every partition has reached the end it had when the reading began.
export class Reading {
  constructor (starts, ends) {
    this.missing = new Map(Object.entries(ends).filter(([p, end]) => starts[p] < end).map(([p, end]) => [Number(p), end]))
    this.starts = starts
    this.records = []
    this.done = new Promise((resolve, reject) => { this.finish = resolve; this.fail = reject })
    if (this.missing.size === 0) this.finish()
  }

  add (partition, offset, timestamp, key, value, headers) {
    if (offset < this.starts[partition]) return
    this.records.push([partition, offset, timestamp, hexed(key), hexed(value), headers])
    if (offset + 1 >= this.missing.get(partition)) this.missing.delete(partition)
    if (this.missing.size === 0) this.finish()
  }
}

// Feeds records in small awaited batches to `send(batch)`, which answers [[partition, offset], …], slowly enough
// for a broker to die half-way.
export class Sending {
  constructor (records, send, batch = 10, pauseMs = 4) {
    this.acked = []
    this.failed = []
    this.running = this.run(records, send, batch, pauseMs)
  }

  async run (records, send, batch, pauseMs) {
    for (let i = 0; i < records.length; i += batch) {
      try {
        const where = await send(records.slice(i, i + batch))
        where.forEach(([partition, offset], n) => this.acked.push([i + n, partition, offset]))
      } catch (error) {
        console.error(error)
        this.failed.push([i, `${error.name}: ${error.message}`])
      }
      await pause(pauseMs)
    }
  }

  progress () { return { acked: this.acked.length, failed: this.failed, error: null } }

  async finish () {
    await this.running
    return { acked: this.acked, failed: this.failed }
  }
}

// The offset of each record of a batch, from the base offset its partition was given.
export function offsetsOf (records, baseOffsets) {
  const next = new Map(baseOffsets)
  return records.map(([partition]) => {
    const offset = next.get(partition)
    next.set(partition, offset + 1)
    return [partition, offset]
  })
}
