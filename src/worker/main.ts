/**
 * A worker's process: descriptors, signals and exits. The channel comes in on descriptor 4 and goes out on descriptor 3
 * (see PROTOCOL.md, Descriptors); everything else is `serve`.
 */
import { join } from 'node:path'
import { setProcessScope } from '../core/scope.ts'
import { LOST_CHANNEL_CODE } from '../protocol/messages.ts'
import { DescriptorChannel } from './descriptors.ts'
import type { Execution } from './execute.ts'
import { loadTaskBy, type ImportModule } from './load.ts'
import { manifestOf } from './module-files.ts'
import { capturePrints, DescriptorOutput } from './output.ts'
import { printUncaught } from './outside-errors.ts'
import { serve } from './serve.ts'

/** With which its process leaves. */
export const exitCodes: Readonly<Record<'accepted' | 'lost', number>> = { accepted: 0, lost: LOST_CHANNEL_CODE }

/** Makes this process a worker and serves one run. Resolves when it may leave. */
export async function serveProcess(importModule: ImportModule): Promise<'accepted' | 'lost'> {
  const output = new DescriptorOutput(1)
  capturePrints(output)
  process.setSourceMapsEnabled(true)
  // A terminal's Ctrl-C reaches the whole group; the supervisor decides what it means.
  process.on('SIGINT', () => undefined)
  Object.defineProperty(globalThis, Symbol.for('cowait.worker'), { value: true })
  let execution: Execution | undefined
  const failRun = (error: unknown): void => (execution ? execution.failFromOutside(error) : printUncaught(output, error))
  process.on('uncaughtException', failRun)
  process.on('unhandledRejection', failRun)

  return await serve({
    channel: new DescriptorChannel(4, 3),
    output,
    load: async (task, code) => {
      const definition = await loadTaskBy(importModule, task, code)
      setProcessScope(execution?.scope)
      return definition
    },
    setEnvironment: (env, { path, cwd }) => {
      Object.assign(process.env, env)
      process.chdir(join(cwd, manifestOf(path).project))
    },
    onExecution: (started) => (execution = started),
  })
}
