/**
 * The supervisor behind a script, in a thread of the script's own process: a script that computes for seconds delays no time-out.
 * It compiles the project, keeps the engine's rights and leaves when the script's side of the channel ends.
 */
import { workerData, type MessagePort } from 'node:worker_threads'
import { remembered } from '../core/remembered.ts'
import { chooseTarget, settingsFor } from '../project/choose-target.ts'
import { compileProject } from '../project/compile-project.ts'
import { definitionOptions } from '../project/definition-options.ts'
import { findProject } from '../project/project.ts'
import { openSupervisor } from './local.ts'
import { PortStream } from './port-stream.ts'

export interface ThreadData {
  readonly port: MessagePort
  /** Where the project is looked for: the file of the task that is called first, the script, or the working directory. */
  readonly start: string
  readonly engine: string | undefined
}

const { port, start, engine: wanted } = workerData as ThreadData
const project = await findProject(start)
const target = chooseTarget(project, undefined)
const { defaults, concurrency, limits } = target
const engine = wanted ?? target.engine ?? 'process'
const tree = remembered(() => compileProject(project))
const supervisor = await openSupervisor({
  tree,
  describe: definitionOptions(tree),
  engine,
  engineSettings: settingsFor(target, engine, engine),
  otherSettings: (name) => settingsFor(target, name, engine),
  defaults,
  ...(concurrency === undefined ? {} : { concurrency }),
  limits,
})
const stream = new PortStream(port)
stream.once('close', () => {
  void supervisor.close({ code: 'TASK_CANCELLED', message: 'its script has ended' }).then(() => process.exit())
})
supervisor.connect(stream, { ownsChunks: true })
