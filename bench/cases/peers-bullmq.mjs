/** A call at width 8: a job in Redis for one of 8 processes that live on, against a process of its own. */
import { installNpm, numberOf, startRedis, without as missing } from '../lib/peer.mjs'
import { manyCalls } from '../lib/many-calls.mjs'

const calls = 200

export const name = 'peers-bullmq'
export const rounds = 5
export const warmUps = 1
export const without = () => missing('redis-server')

let peer
let redis

export async function open() {
  peer = installNpm('bullmq@5', 'ioredis@5')
  redis = await startRedis(peer.folder)
}

export async function close() {
  await redis?.stop()
  peer.remove()
}

export const floor = async () => await numberOf(peer.folder, 'bullmq.mjs', String(calls), redis.socket)
export const subject = async () => (await manyCalls(calls)).ms / calls
