import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { openEngine } from '../client/open-engine.ts'

/** How long Docker may take to answer before a run that did not ask for it goes on without. */
const ANSWER_MS = 3_000

export interface ChosenEngine {
  readonly name: string
  /** Nobody asked for it: what goes wrong with it is no reason to fail. */
  readonly isByItself: boolean
  /** For people, where the choice was made here. */
  readonly notice?: string
}

/** The engine that was asked for, by the first who did; else Docker where it answers, else processes. */
export async function chooseEngine(
  asked: readonly (string | undefined)[],
  settings: Readonly<Record<string, unknown>>,
  env: NodeJS.ProcessEnv,
): Promise<ChosenEngine> {
  const name = asked.find(Boolean)
  if (name !== undefined) return { name, isByItself: false }
  if (!mayHaveDocker(env)) return { name: 'process', isByItself: true, notice: 'There is no Docker here: running in processes.' }
  const problem = await dockerProblem(settings)
  if (problem === undefined) return { name: 'docker', isByItself: true, notice: 'Docker answers: running in containers.' }
  return { name: 'process', isByItself: true, notice: `Docker does not answer (${problem}): running in processes.` }
}

/** Cheap: where there is nothing to ask, no client is loaded. */
function mayHaveDocker(env: NodeJS.ProcessEnv): boolean {
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

async function dockerProblem(settings: Readonly<Record<string, unknown>>): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined
  const opening = openEngine('docker', { owner: 'probe', directory: '', settings })
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ANSWER_MS)
  })
  try {
    const engine = await Promise.race([opening, late])
    if (!engine) {
      void opening.then(
        (slow) => slow.close(),
        () => undefined,
      )
      return `no answer within ${ANSWER_MS / 1_000} s`
    }
    await engine.close()
    return undefined
  } catch (error) {
    return (error as Error).message.split('\n', 1)[0]
  } finally {
    clearTimeout(timer)
  }
}
