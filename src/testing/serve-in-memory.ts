import type { PassThrough } from 'node:stream'
import type { Caller } from '../core/caller.ts'
import type { TaskDefinition } from '../core/definition.ts'
import type { LogLevel } from '../core/events.ts'
import type { MemoryEngineOptions, MemoryWorkerSide } from '../engines/memory/memory-engine.ts'
import type { LoadTask } from '../worker/execute.ts'
import { loadTask } from '../worker/load.ts'
import { stringify, type Output } from '../worker/output.ts'
import { serve } from '../worker/serve.ts'

export interface ServeInMemoryOptions {
  /** Finds a run's task; imports it from the tree unless told. */
  readonly load?: (...call: [...Parameters<LoadTask>, worker: MemoryWorkerSide]) => Promise<TaskDefinition>
  /** What the calls of a run go through on their way out of it. */
  readonly through?: (caller: Caller) => Caller
}

/** A worker's program for the engine `memory`: it serves a run in this process, with variables and working directory as they are. */
export function serveInMemory({ load = loadTask, through }: ServeInMemoryOptions = {}): MemoryEngineOptions['serve'] {
  return (worker) =>
    serve({
      channel: worker.channel,
      output: recordsTo(worker.output),
      load: (task, code, run) => load(task, code, run, worker),
      ...(through ? { through } : {}),
      setEnvironment: () => undefined,
    })
}

function recordsTo(stream: PassThrough): Output {
  const write = (json: string): void => void (stream.writable && stream.write(`\x1e${json}\n`))
  return {
    log(level: LogLevel, message: string, fields: object) {
      for (const text of message.split('\n'))
        write(stringify({ level, stream: 'log', text, ...(Object.keys(fields).length > 0 ? { fields } : {}) }))
    },
    flush: (token) => write(JSON.stringify({ flush: token })),
  }
}
