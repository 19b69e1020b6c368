import type { WorkerSpec } from '../../core/engine.ts'
import { UsageError } from '../../core/errors.ts'
import { heapMiB } from './environment.ts'

/** Throws a `UsageError` for what would change the meaning of a task if it were left out. */
export function checkSpec({ resources, mounts, ports, settings }: Pick<WorkerSpec, 'resources' | 'mounts' | 'ports' | 'settings'>): void {
  if (resources.gpu && resources.gpu.count > 0) {
    throw refused(`gpu: ${resources.gpu.count}`, 'it assigns no GPUs', 'Use engine docker or kubernetes, or leave gpu out.')
  }
  const [mount] = mounts
  if (mount) {
    throw refused(
      `volumes: ${JSON.stringify(mount.path)}`,
      "tasks see the host's own folders",
      'Use engine docker or kubernetes, or use the folder by its own path.',
    )
  }
  for (const [inside, outside] of Object.entries(ports)) {
    if (Number(inside) === outside) continue
    throw refused(
      `ports: { ${inside}: ${outside} }`,
      "tasks share the host's network",
      `Use { ${inside}: ${inside} }, or engine docker or kubernetes.`,
    )
  }
  const [setting] = Object.keys(settings)
  if (setting !== undefined)
    throw refused(
      `${setting}: ${JSON.stringify(settings[setting])}`,
      'it has no such setting',
      'Leave it out, or use the engine that knows it.',
    )
}

/** What is asked for and only honoured in part or not at all, by the option's name: a sentence for people. */
export function notices({
  image,
  resources: { cpuMillis, memoryRequest, memoryLimit },
}: Pick<WorkerSpec, 'image' | 'resources'>): Map<string, string> {
  const found = new Map<string, string>()
  if (image !== undefined) found.set('image', `image ${image} is not used by engine process`)
  if (cpuMillis !== undefined) found.set('cpu', 'cpu is not limited by engine process')
  if (memoryLimit !== undefined)
    found.set('memory', `memory is best effort on engine process: a JavaScript heap of ${heapMiB(memoryLimit)} MiB`)
  else if (memoryRequest !== undefined) found.set('memory', 'memory is not reserved by engine process')
  return found
}

function refused(option: string, because: string, instead: string): UsageError {
  return new UsageError(`Engine process cannot honour ${option}: ${because}. ${instead}`)
}
