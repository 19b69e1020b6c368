import { isAbsolute, relative } from 'node:path'
import { leadsOut } from '../project/folders.ts'

/**
 * Where somebody stands who started us. In a workspace `npm exec` goes to the folder of the package around it, and leaves the one that it
 * was called in behind in INIT_CWD; what it starts besides, a script of npm or another program, hands that on and may stand where it likes.
 */
export function startFolder(env: NodeJS.ProcessEnv, cwd: string): string {
  const { npm_command: command, npm_lifecycle_script: script = '', INIT_CWD: called = '' } = env
  const isThroughNpm = command === 'exec' && /^(['"]?)cowait\1$/.test(script)
  return isThroughNpm && isAbsolute(called) && !leadsOut(relative(cwd, called)) ? called : cwd
}
