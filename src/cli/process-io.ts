import type { Io } from './io.ts'
import { startFolder } from './npm-folder.ts'
import { Output } from './output.ts'
import { watchStopRequests } from './stop-signals.ts'

/** What this process was given. From now on signals are requests to stop. */
export function processIo(args: readonly string[]): Io {
  const { env } = process
  const cwd = startFolder(env, process.cwd())
  // That holds for this process alone: a program that it starts stands where it is told.
  delete env['npm_lifecycle_script']
  return {
    stdout: new Output(process.stdout, env),
    stderr: new Output(process.stderr, env),
    stdin: process.stdin,
    env,
    cwd,
    args,
    startedAt: performance.timeOrigin,
    stop: watchStopRequests(env),
    debug: args.includes('--debug') || Boolean(env['COWAIT_DEBUG']),
  }
}
