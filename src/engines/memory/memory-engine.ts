/**
 * The engine `memory`: a worker is an async function in this process, behind a real channel and the real protocol. For tests: what
 * would fail on the wire fails here. It cannot end a function that does not yield, and it does not see raw prints.
 */
import { PassThrough, type Duplex } from 'node:stream'
import type { Capabilities, Engine, Exit, Worker, WorkerFilter, WorkerId, WorkerInfo, WorkerSpec } from '../../core/engine.ts'
import { UsageError } from '../../core/errors.ts'
import type { Tree, TreeRef } from '../../core/tree.ts'
import { memoryPair } from './memory-pair.ts'

/** The worker's own side. */
export interface MemoryWorkerSide {
  readonly channel: Duplex
  /** Takes what it prints. */
  readonly output: PassThrough
  /** Ends it at once, for a test of how that looks from outside. */
  readonly end: (exit: Exit) => void
}

export interface MemoryEngineOptions {
  /** Serves one run; resolves when the worker leaves. */
  readonly serve: (worker: MemoryWorkerSide) => Promise<'accepted' | 'lost'>
  /** Hears of everything that a worker or its supervisor says. */
  readonly onTraffic?: () => void
}

const capabilities: Capabilities = {
  kill: false,
  output: false,
  image: false,
  limits: 'best-effort',
  gpu: false,
  volumes: false,
  ports: false,
  exec: false,
  lease: false,
}

interface MemoryWorker {
  readonly info: WorkerInfo
  readonly end: (exit: Exit) => void
}

export function createMemoryEngine({ serve, onTraffic }: MemoryEngineOptions): Engine {
  const workers = new Map<WorkerId, MemoryWorker>()

  return {
    name: 'memory',
    capabilities,
    check({ resources, mounts }) {
      if (resources.gpu) throw new UsageError('Option gpu cannot be honoured by engine memory. Use an engine with containers.')
      if (mounts.length > 0) throw new UsageError('Option volumes cannot be honoured by engine memory. Use an engine with containers.')
    },
    async provide(tree: Tree): Promise<TreeRef> {
      return { hash: tree.hash, path: tree.directory, cwd: tree.root }
    },
    async start(spec: WorkerSpec, signal: AbortSignal): Promise<Worker> {
      signal.throwIfAborted()
      const [outside, inside] = memoryPair(onTraffic)
      const output = new PassThrough()
      let resolve!: (exit: Exit) => void
      const exited = new Promise<Exit>((resolveExited) => (resolve = resolveExited))
      const end = (exit: Exit): void => {
        workers.delete(spec.id)
        for (const stream of [inside, outside]) stream.destroy()
        output.end()
        resolve(exit)
      }
      workers.set(spec.id, { info: { id: spec.id, owner: spec.owner, name: spec.name, createdAt: Date.now() }, end })
      void serve({ channel: inside, output, end }).then(
        (how) => end({ how: 'exited', code: how === 'accepted' ? 0 : 1 }),
        (error: unknown) => end({ how: 'lost', detail: String(error) }),
      )
      return { id: spec.id, channel: outside, output, exited }
    },
    async list({ owner, id }: WorkerFilter): Promise<WorkerInfo[]> {
      const infos = [...workers.values()].map((worker) => worker.info)
      return infos.filter((info) => (owner === undefined || info.owner === owner) && (id === undefined || info.id === id))
    },
    async remove(id: WorkerId): Promise<void> {
      workers.get(id)?.end({ how: 'killed', signal: 'SIGKILL' })
    },
    async sweep(): Promise<number> {
      return 0
    },
    async close(): Promise<void> {
      for (const worker of workers.values()) worker.end({ how: 'removed' })
    },
  }
}
