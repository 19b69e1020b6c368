/**
 * The program of a worker: descriptors, signals and exits. The channel comes in on descriptor 4 and goes out on descriptor 3
 * (see PROTOCOL.md, Descriptors); everything else is `serve`.
 */
import { join } from 'node:path'
import { setProcessScope } from '../core/scope.ts'
import { DescriptorChannel } from './descriptors.ts'
import type { Execution } from './execute.ts'
import { loadTask } from './load.ts'
import { manifestOf } from './module-files.ts'
import { capturePrints, DescriptorOutput } from './output.ts'
import { serve } from './serve.ts'

const output = new DescriptorOutput(1)
capturePrints(output)
process.setSourceMapsEnabled(true)
// A terminal's Ctrl-C reaches the whole group; the supervisor decides what it means.
process.on('SIGINT', () => undefined)
Object.defineProperty(globalThis, Symbol.for('cowait.worker'), { value: true })
let execution: Execution | undefined
const failRun = (error: unknown): void => execution?.failFromOutside(error)
process.on('uncaughtException', failRun)
process.on('unhandledRejection', failRun)

const end = await serve({
  channel: new DescriptorChannel(4, 3),
  output,
  load: async (task, code) => {
    const definition = await loadTask(task, code)
    setProcessScope(execution?.scope)
    return definition
  },
  setEnvironment: (env, { path, cwd }) => {
    Object.assign(process.env, env)
    process.chdir(join(cwd, manifestOf(path).project))
  },
  onExecution: (started) => (execution = started),
})
process.exit(end === 'accepted' ? 0 : 1)
