/** The command line from its start to its end, for one task in a container: the original Cowait, in Python, against this one. */
import { againstOriginal } from '../lib/original.mjs'

export const name = 'peers-original-hello'
export const rounds = 5
export const warmUps = 1
export const { without, open, close, floor, subject } = againstOriginal(['hello'], ['hello'])
