import { join } from 'node:path'
import { UsageError } from '../core/errors.ts'
import type { Engine, SupervisorId } from '../core/engine.ts'
import type { DetachedPlace } from '../engines/kubernetes/detached/place.ts'
import { ownPackage } from '../project/package-root.ts'
import { runtimeRoot } from './runtime-directory.ts'

export interface EngineContext {
  readonly owner: SupervisorId
  /** The supervisor's private folder. */
  readonly directory: string
  /** What the configuration says about this engine. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** Workers are going to be started in it. */
  readonly prepare?: boolean
  /** Ends the search for it. */
  readonly signal?: AbortSignal
  /** Gets what people should know while they wait for it. */
  readonly tell?: (text: string) => void
  /** What the engine told the program of a detached supervisor, which this process is. */
  readonly place?: unknown
}

/** Opens an engine by its name. An engine's code is loaded here and nowhere else, so a run pays only for the one that it uses. */
export async function openEngine(name: string, context: EngineContext): Promise<Engine> {
  const { owner, directory, settings = {}, prepare = false, signal, tell, place } = context
  switch (name) {
    case 'process': {
      const { createProcessEngine } = await import('../engines/process/process-engine.ts')
      return createProcessEngine({ owner, directory, workerFile: join(runtimeDirectory(), 'worker.js'), codeFolder: runtimeRoot() })
    }
    case 'docker': {
      const { createDockerEngine } = await import('../engines/docker/docker-engine.ts')
      return await createDockerEngine({ owner, runtimeDirectory: runtimeDirectory(), settings, prepare, signal })
    }
    case 'kubernetes': {
      const { createKubernetesEngine } = await import('../engines/kubernetes/kubernetes-engine.ts')
      return await createKubernetesEngine({
        owner,
        runtimeDirectory: runtimeDirectory(),
        settings,
        signal,
        tell,
        place: place as DetachedPlace | undefined,
      })
    }
    default:
      throw new UsageError(`Engine ${JSON.stringify(name)} is not known. Use "process", "docker" or "kubernetes".`)
  }
}

/** Where our own built files are: what a worker runs. */
function runtimeDirectory(): string {
  return join(ownPackage().root, 'dist')
}
