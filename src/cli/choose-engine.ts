import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { UsageError } from '../core/errors.ts'
import { didYouMean } from '../core/nearest.ts'

/** How long Docker may take to answer before a run that did not ask for it goes on without. */
const ANSWER_MS = 3_000

export interface ChosenEngine {
  readonly name: string
  /** Nobody asked for it: what goes wrong with it is no reason to fail. */
  readonly isByItself: boolean
  /** For people, where the choice was made here. */
  readonly notice?: string
}

const ENGINES = ['process', 'docker', 'kubernetes']

/** Throws a `UsageError` for an engine that there is not; `where` it was asked for begins the message. */
export function checkEngineName(name: string, where: string): void {
  if (!ENGINES.includes(name))
    throw new UsageError(
      `${where}: there is no engine ${JSON.stringify(name)}. There are ${ENGINES.join(', ')}.${didYouMean(name, ENGINES)}`,
    )
}

/** The engine that was asked for; else Docker where it answers, else processes. */
export async function chooseEngine(
  asked: string | undefined,
  settings: Readonly<Record<string, unknown>>,
  env: NodeJS.ProcessEnv,
): Promise<ChosenEngine> {
  if (asked !== undefined) return { name: asked, isByItself: false }
  if (!mayHaveDocker(env)) return { name: 'process', isByItself: true, notice: 'There is no Docker here: running in processes.' }
  const { probeDocker } = await import('../engines/docker/probe-docker.ts')
  const answer = await probeDocker({ settings, env, timeoutMs: ANSWER_MS })
  if (answer.ok) return { name: 'docker', isByItself: true, notice: 'Docker answers: running in containers.' }
  return { name: 'process', isByItself: true, notice: `Docker does not answer (${answer.reason.split('\n', 1)[0]}): running in processes.` }
}

/** Cheap: where there is nothing to ask, no client is loaded. */
export function mayHaveDocker(env: NodeJS.ProcessEnv): boolean {
  if (env['DOCKER_HOST'] || env['DOCKER_CONTEXT']) return true
  const home = homedir()
  const places = [
    '/var/run/docker.sock',
    join(env['XDG_RUNTIME_DIR'] ?? '/nonexistent', 'docker.sock'),
    join(home, '.docker/run/docker.sock'),
    join(home, '.docker/contexts'),
  ]
  return places.some((place) => existsSync(place))
}
