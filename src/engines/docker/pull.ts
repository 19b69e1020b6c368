/** Pulls an image, with progress from the engine's own messages. */
import type { StartPhase } from '../../core/engine.ts'
import { EngineError } from '../../core/errors.ts'
import { ApiError, connectionError } from './api-error.ts'
import { readCliConfig } from './cli-config.ts'
import { registryAuth } from './credentials.ts'
import type { DockerClient } from './docker-client.ts'
import { parseImageName } from './image-name.ts'

interface PullMessage {
  readonly status?: string
  readonly id?: string
  readonly error?: string
  readonly progressDetail?: { readonly current?: number; readonly total?: number }
}

export interface PullOptions {
  readonly platform: string | undefined
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
  readonly report: (phase: StartPhase) => void
}

/** Rejects with an `EngineError` when the image cannot be had. Aborting ends the pull in the engine too. */
export async function pull(client: DockerClient, image: string, { platform, env, signal, report }: PullOptions): Promise<void> {
  const { registry, repository, version } = parseImageName(image)
  report({ phase: 'pulling', detail: image })
  let auth: string | undefined
  let problem: Error | undefined
  try {
    auth = await registryAuth(registry, await readCliConfig(env), signal)
  } catch (error) {
    signal.throwIfAborted()
    // Most images are for everybody: only where this one is not, the login is what was missing.
    problem = error as Error
  }
  try {
    const response = await client.streamPatiently('POST', '/images/create', {
      query: { fromImage: repository, tag: version, platform },
      ...(auth !== undefined && { headers: { 'x-registry-auth': auth } }),
      signal,
    })
    const layers = new Layers()
    let rest = ''
    for await (const chunk of response.setEncoding('utf8')) {
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (line.trim() === '') continue
        const message = JSON.parse(line) as PullMessage
        if (message.error !== undefined) throw new ApiError(500, message.error, 'pull')
        const fraction = layers.take(message)
        if (fraction !== undefined) report({ phase: 'pulling', detail: image, fraction })
      }
    }
  } catch (error) {
    const refused = pullError(error, image, registry, client)
    throw problem && error instanceof ApiError && needsLogin.test(error.message) ? problem : refused
  }
}

const needsLogin = /unauthorized|authentication required|no basic auth|denied|incorrect username/i

/** How far the layers are, together. The parts of each are half the download and half the unpacking. */
class Layers {
  readonly #layers = new Map<string, { total: number; loaded: number; unpacked: number }>()
  #last = 0

  /** The fraction, when it is worth telling. It never goes back, though layers become known one after the other. */
  take({ status = '', id, progressDetail }: PullMessage): number | undefined {
    if (id === undefined || status.startsWith('Pulling from')) return undefined
    const layer = this.#layers.get(id) ?? { total: 1, loaded: 0, unpacked: 0 }
    this.#layers.set(id, layer)
    const { current = 0, total } = progressDetail ?? {}
    if (total) layer.total = total
    if (status === 'Downloading') layer.loaded = current / layer.total
    else if (status === 'Extracting') [layer.loaded, layer.unpacked] = [1, current / layer.total]
    else if (status === 'Download complete') layer.loaded = 1
    else if (status === 'Pull complete' || status === 'Already exists') [layer.loaded, layer.unpacked] = [1, 1]
    let [sum, done] = [0, 0]
    for (const { total: size, loaded, unpacked } of this.#layers.values()) {
      sum += size
      done += size * Math.min(1, (loaded + unpacked) / 2)
    }
    const fraction = Math.floor((100 * done) / sum) / 100
    if (fraction <= this.#last) return undefined
    this.#last = fraction
    return fraction
  }
}

function pullError(error: unknown, image: string, registry: string, client: DockerClient): Error {
  if (error instanceof EngineError || (error as Error).name === 'AbortError') return error as Error
  if (!(error instanceof ApiError)) return connectionError(error, client.endpoint)
  const words = error.message
  const refuse = (message: string, hint: string): EngineError => new EngineError(message, { cause: error, hint })
  if (needsLogin.test(words)) {
    return refuse(
      `Image "${image}" was not given by ${registry}: ${words}`,
      `Log in with "docker login${registry === 'docker.io' ? '' : ` ${registry}`}", or check the image's name.`,
    )
  }
  if (/no matching manifest|does not match the specified platform|no image found in (?:manifest|image index)/i.test(words)) {
    return refuse(
      `Image "${image}" is not offered for the wanted platform: ${words}`,
      'Set "platform" to one that it has, or use another image.',
    )
  }
  if (/not found|manifest unknown|does not exist|name unknown|404/i.test(words)) {
    return refuse(`Image "${image}" was not found in ${registry}.`, 'Check its name and tag, build it, or pass --image.')
  }
  if (/no space left/i.test(words)) {
    return refuse(`Image "${image}" does not fit: the engine's disk is full.`, 'Make room: "docker system df" shows what takes it.')
  }
  if (/no such host|connection refused|timeout|timed out|i\/o|lookup|unreachable|x509|server gave HTTP|EOF/i.test(words)) {
    return refuse(
      `Image "${image}" could not be pulled: the engine cannot reach ${registry} (${words}).`,
      "Check the engine's network, or pull the image by hand.",
    )
  }
  return refuse(`Image "${image}" could not be pulled: ${words}`, `Try "docker pull ${image}".`)
}
