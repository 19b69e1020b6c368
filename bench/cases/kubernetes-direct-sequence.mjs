/** Ten calls of a script, one after the other: channels to the pods themselves, against channels through the API server. */
import { withoutPods } from '../lib/reachable-pods.mjs'
import { measureCalls } from '../lib/small-project.mjs'

const calls = 'for (let i = 0; i < 10; i++) await answer()'

export const name = 'kubernetes-direct-sequence'
export const goal = 1.1
export const rounds = 3
export const warmUps = 1
export const without = withoutPods

export const floor = () => measureCalls('kubernetes', calls, { channel: 'forward' })
export const subject = () => measureCalls('kubernetes', calls, { channel: 'direct' })
