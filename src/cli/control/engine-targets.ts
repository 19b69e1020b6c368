import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { openEngine } from '../../client/open-engine.ts'
import { createPrivateDirectory } from '../../client/runtime-directory.ts'
import { onAbort } from '../../core/abort.ts'
import type { Engine } from '../../core/engine.ts'
import { chooseTarget } from '../../project/choose-target.ts'
import { mayHaveDocker } from '../choose-engine.ts'
import type { Io } from '../io.ts'
import { openProject } from '../open-project.ts'
import { safeText } from '../../client/safe-text.ts'
import { inTime } from './in-time.ts'
import type { Search } from './search.ts'

/** An engine with its settings: where workers may be. */
export interface EngineTarget {
  readonly name: string
  readonly settings: Readonly<Record<string, unknown>>
  /** Nothing but a kubeconfig names it, and nobody asked for it. */
  readonly isFar?: boolean
  /** A config or a variable names it, so it should be there. */
  readonly isMeant?: boolean
  /** Gets what people should know while they wait for it. */
  readonly tell?: (text: string) => void
}

/**
 * The engines of this machine and those that the config of the working directory names, each once. A cluster that only a kubeconfig
 * names may be far away and is asked when somebody means it, or everything.
 */
export async function engineTargets(io: Io, { everywhere = false }: Search = {}): Promise<EngineTarget[]> {
  const { env } = io
  const wantsDocker = Boolean(env['DOCKER_HOST'] || env['DOCKER_CONTEXT']) || env['COWAIT_ENGINE'] === 'docker'
  const wantsCluster = Boolean(env['KUBECONFIG']) || env['COWAIT_ENGINE'] === 'kubernetes'
  const targets: EngineTarget[] = [{ name: 'process', settings: {} }, ...(await configured(io))]
  if (wantsDocker || mayHaveDocker(env)) targets.push({ name: 'docker', settings: {}, isMeant: wantsDocker })
  if (wantsCluster) targets.push({ name: 'kubernetes', settings: {}, isMeant: true })
  const known = new Map<string, EngineTarget>()
  for (const target of targets) {
    const place = placeText(target)
    known.set(place, { ...target, isMeant: target.isMeant === true || known.get(place)?.isMeant === true })
  }
  const far: EngineTarget = { name: 'kubernetes', settings: {}, isFar: true }
  const all = [...known.values(), ...(everywhere && !known.has(placeText(far)) ? [far] : [])]
  return all.map((target) => ({ ...target, tell: tellOn(io) }))
}

/** Shows people what they should know while they wait for an engine. */
export function tellOn({ stderr }: Io): (text: string) => void {
  return (text) => stderr.write(`${safeText(text, false)}\n`)
}

interface EngineUse {
  /** Who uses it: the owner of a worker alone may remove what is not abandoned. */
  readonly owner?: string
  /** How long all of it may take; then it rejects with a `LateError`. */
  readonly limitMs?: number
  /** Ends it, with the signal's reason. */
  readonly signal?: AbortSignal
}

/** Opens an engine for as long as `use` takes. */
export async function withEngine<T>(
  { name, settings, tell }: EngineTarget,
  use: (engine: Engine) => Promise<T>,
  { owner, limitMs, signal }: EngineUse = {},
): Promise<T> {
  const own = `s${randomBytes(6).toString('hex')}`
  const directory = createPrivateDirectory(own)
  const late = new AbortController()
  const opening = signal ? AbortSignal.any([late.signal, signal]) : late.signal
  const used = async (): Promise<T> => {
    const engine = await openEngine(name, { owner: owner ?? own, directory, settings, signal: opening, ...(tell && { tell }) })
    try {
      return await use(engine)
    } finally {
      await engine.close()
    }
  }
  const answer = limitMs === undefined ? used() : inTime(used(), name, limitMs)
  try {
    return await (signal ? Promise.race([answer, rejectedBy(signal)]) : answer)
  } finally {
    late.abort()
    await rm(directory, { recursive: true, force: true })
  }
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => onAbort(signal, () => reject(signal.reason as Error)))
}

/** A config that is wrong is told by the commands that need it. */
async function configured(io: Io): Promise<EngineTarget[]> {
  try {
    const project = await openProject(io.cwd, {}, io.cwd)
    const clusters = [undefined, ...Object.keys(project.config.clusters ?? {})]
    return clusters.flatMap((cluster) => {
      const { engine, settings } = chooseTarget(project, cluster)
      return engine === undefined ? [] : [{ name: engine, settings, isMeant: true }]
    })
  } catch {
    return []
  }
}

/** What says which daemon or API server it is; other settings make no other place. */
function placeText({ name, settings: { host, context, namespace } }: EngineTarget): string {
  return JSON.stringify(name === 'process' ? [name] : [name, host, context, namespace])
}
