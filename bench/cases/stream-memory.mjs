/** The most memory of a script, its supervisor included, for 1 GiB through a task, against that for an eighth of it. */
import { streamed } from '../lib/streamed.mjs'

export const name = 'stream-memory'
// The garbage of a longer run, not its bytes.
export const goal = 1.5
export const unit = 'MiB'
export const rounds = 1
export const warmUps = 0
export const floor = async () => (await streamed('cowait.mjs', 2 ** 27)).peakMiB
export const subject = async () => (await streamed('cowait.mjs', 2 ** 30)).peakMiB
