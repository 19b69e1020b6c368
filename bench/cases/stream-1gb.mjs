/**
 * 1 GiB from a script into a task and back, in pieces of 64 KiB, against a relay of raw Node with as many hops; `least` is such a relay that
 * knows pieces.
 */
import { streamed } from '../lib/streamed.mjs'

const size = 2 ** 30

export const name = 'stream-1gb'
// Seven tenths as fast.
export const goal = 1.43
export const rounds = 3
export const warmUps = 0
export const floor = async () => (await streamed('raw.mjs', size)).ms
export const least = async () => (await streamed('pieces.mjs', size)).ms
export const subject = async () => (await streamed('cowait.mjs', size)).ms
