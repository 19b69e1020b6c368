import { DockerClient } from './docker-client.ts'
import { parseEngineSettings } from './docker-settings.ts'
import { findEndpoint } from './endpoint.ts'

export interface ProbeOptions {
  /** See `DockerSettings`. */
  readonly settings?: Readonly<Record<string, unknown>>
  readonly env?: NodeJS.ProcessEnv
  /** One second unless told: whoever has no engine must not wait for it. */
  readonly timeoutMs?: number
}

/** For choosing an engine: whether a Docker engine answers and will do, else why not. Never throws. */
export async function probeDocker({ settings = {}, env = process.env, timeoutMs = 1000 }: ProbeOptions = {}): Promise<
  { ok: true } | { ok: false; reason: string }
> {
  try {
    const endpoint = await findEndpoint(parseEngineSettings(settings), env)
    const client = await DockerClient.connect(endpoint, AbortSignal.timeout(timeoutMs))
    client.close()
    return { ok: true }
  } catch (error) {
    return { ok: false, reason: (error as Error).message }
  }
}
