/** A call at width 8: a thread of a pool, which ran the call before it in the same memory, against a process of its own. */
import { installNpm, numberOf } from '../lib/peer.mjs'
import { manyCalls } from '../lib/many-calls.mjs'

const calls = 200

export const name = 'peers-piscina'
export const rounds = 5
export const warmUps = 1

let peer

export function open() {
  peer = installNpm('piscina@5')
}

export const close = () => peer.remove()
export const floor = async () => await numberOf(peer.folder, 'piscina.mjs', String(calls))
export const subject = async () => (await manyCalls(calls)).ms / calls
