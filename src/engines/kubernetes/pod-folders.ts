/**
 * Where things lie in a pod: all in `/tmp`, which any user of any image may write to.
 *
 * They need no volume there. A node looks for what is to be mounted every 300 ms, so that a pod with any volume, if an empty one, starts
 * in twice the time of one without.
 */
import { posix } from 'node:path'
import { codeIn } from '../delivery/code-layout.ts'

/** Free for the task. */
export const scratch = '/tmp'
/** Ours. The program is one level further down, so that dependencies from above a project's root have a place beside nobody's files. */
export const ownFolder = '/tmp/.cowait'
export const programFolder: string = posix.join(ownFolder, 'program')
export const podCode: string = codeIn(programFolder)
/** What a supervisor in a pod keeps for its workers. */
export const archiveFile = '/tmp/.cowait-archive'
