import { DockerClient } from './docker-client.ts'
import { findEndpoint, type EndpointChoice } from './endpoint.ts'

export interface ProbeOptions extends EndpointChoice {
  readonly env?: NodeJS.ProcessEnv
  /** One second unless told: whoever has no engine must not wait for it. */
  readonly timeoutMs?: number
}

/** For choosing an engine: whether a Docker engine answers and will do, else why not. Never throws. */
export async function probeDocker({ env = process.env, timeoutMs = 1000, ...choice }: ProbeOptions = {}): Promise<
  { ok: true } | { ok: false; reason: string }
> {
  try {
    const endpoint = await findEndpoint(choice, env)
    const client = await DockerClient.connect(endpoint, AbortSignal.timeout(timeoutMs))
    client.close()
    return { ok: true }
  } catch (error) {
    return { ok: false, reason: (error as Error).message }
  }
}
