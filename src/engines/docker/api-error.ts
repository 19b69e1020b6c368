/** What the engine or the way to it says, as an `EngineError` with what to do about it. */
import { EngineError } from '../../core/errors.ts'
import type { Endpoint } from './endpoint.ts'

/** The engine answered, and refused. */
export class ApiError extends Error {
  readonly status: number
  readonly call: string

  constructor(status: number, message: string, call: string) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.call = call
  }
}

/** A call that `AbortSignal.timeout` ended. The HTTP client wraps the signal's reason. */
export function isTimeout(error: unknown): boolean {
  const { name, cause } = error as Error
  return name === 'TimeoutError' || (name === 'AbortError' && (cause as Error | undefined)?.name === 'TimeoutError')
}

export function isMissing(error: unknown): boolean {
  // Podman says some of it with another number.
  return error instanceof ApiError && (error.status === 404 || /no such container/i.test(error.message))
}

/** The engine could not be reached. */
export function connectionError(error: unknown, endpoint: Endpoint): Error {
  if (error instanceof EngineError) return error
  if (error instanceof ApiError && !/HTTPS server/.test(error.message)) {
    return new EngineError(`The Docker engine at ${endpoint.name} refused: ${error.message}`, { cause: error })
  }
  const { name, code = '', syscall = '', message } = error as NodeJS.ErrnoException
  if (isTimeout(error)) {
    return new EngineError(`The Docker engine at ${endpoint.name} does not answer.`, {
      cause: error,
      hint: 'Check that it runs: "docker version".',
    })
  }
  if (name === 'AbortError') return error as Error
  if (syscall !== '' && !/^(?:connect|read|write|shutdown|getaddrinfo)/.test(syscall)) {
    return new EngineError(`Work for the Docker engine failed on this host: ${message}`, { cause: error })
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new EngineError(`No permission to use the Docker engine at ${endpoint.name}.`, {
      cause: error,
      hint: 'Add yourself to its group ("sudo usermod -aG docker $USER", then log in again), use rootless Docker, or --engine process.',
    })
  }
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    return new EngineError(`No Docker engine runs at ${endpoint.name}.`, {
      cause: error,
      hint:
        endpoint.kind === 'unix'
          ? 'Start Docker, or use --engine process.'
          : 'Start it there, or check DOCKER_HOST and "docker context ls".',
    })
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return new EngineError(`The host of the Docker engine at ${endpoint.name} is not known.`, {
      cause: error,
      hint: 'Check DOCKER_HOST and "docker context ls".',
    })
  }
  if (
    /CERT|TLS|SSL|HTTP_|HPE_/.test(code) ||
    /certificate|HTTPS server|wrong version number|HTTP\/|Parse Error|socket hang up/i.test(message)
  ) {
    const tls = endpoint.kind === 'tcp' && endpoint.tls !== undefined
    return new EngineError(`The Docker engine at ${endpoint.name} cannot be spoken to ${tls ? 'with' : 'without'} TLS: ${message}`, {
      cause: error,
      hint: tls
        ? 'Check ca.pem, cert.pem and key.pem in DOCKER_CERT_PATH.'
        : 'Where it wants TLS, set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH.',
    })
  }
  return new EngineError(`The connection to the Docker engine at ${endpoint.name} failed: ${message}`, {
    cause: error,
    hint: 'Check that it runs: "docker version".',
  })
}

interface Reading {
  readonly pattern: RegExp
  readonly message: (match: RegExpExecArray, about: StartOf) => string
  readonly hint: (match: RegExpExecArray, about: StartOf) => string
}

/** What was being started, for messages. */
export interface StartOf {
  readonly name: string
  readonly image: string
}

// In the words of Docker 19.03 to 28 and of Podman.
const readings: readonly Reading[] = [
  {
    pattern:
      /exec: "?(?:sh|\/bin\/sh)"?: (?:executable file not found|stat)|"sh": executable file not found|executable file `?sh`? not found/i,
    message: (_match, { image }) => `Image "${image}" has no shell (sh), so no worker can be started in it.`,
    hint: () => 'Use an image with a shell and Node 20.19 or later, such as node:24-slim.',
  },
  {
    pattern: /exec format error/i,
    message: (_match, { image }) => `Image "${image}" is for another processor than the engine's.`,
    hint: () => 'Use an image for this processor, or install emulation (binfmt) on the engine.',
  },
  {
    pattern: /unable to find user (\S+?):|no matching entries in passwd|unable to find group/i,
    message: (match, { image }) => `The user ${match[1] ?? ''} does not exist in image "${image}".`,
    hint: () => 'Set "user" to a number, such as 1000:1000.',
  },
  {
    pattern: /bind source path does not exist: (\S+)|statfs (\S+): no such file/i,
    message: (match) => `The folder ${match[1] ?? match[2]} does not exist on the engine's host.`,
    hint: () => 'Make it, or correct the bind in "volumes". A remote engine sees only its own folders.',
  },
  {
    pattern: /(?:port is already allocated|address already in use)/i,
    message: (_match, { name }) => `A port that ${name} asks for is taken on the engine's host.`,
    hint: () => 'Use another port, or 0 for any free one.',
  },
  {
    pattern: /could not select device driver|nvidia-container-cli|unresolvable CDI devices|gpu/i,
    message: () => 'The engine has no gpu to give.',
    hint: () => 'Install the NVIDIA container toolkit on the engine, or do without "gpu".',
  },
  {
    pattern: /minimum memory limit(?: allowed)? is (\S+)/i,
    message: (match) => `The memory limit is too small: the engine wants at least ${match[1]}.`,
    hint: () => 'Raise "memory".',
  },
  {
    pattern: /range of CPUs is from ([\d.]+) to ([\d.]+)/i,
    message: (match) => `The engine has ${match[2]} cores.`,
    hint: (match) => `Set "cpu" to ${match[2]} or less.`,
  },
  {
    pattern: /network (\S+) not found|unable to find network with name or ID (\S+?):/i,
    message: (match) => `The network ${match[1] ?? match[2]} does not exist in the engine.`,
    hint: (match) => `Make it with "docker network create ${match[1] ?? match[2]}", or correct "network".`,
  },
  {
    pattern: /no space left on device/i,
    message: () => "The engine's disk is full.",
    hint: () => 'Make room: "docker system df" shows what takes it, "docker system prune" removes what is not used.',
  },
  {
    pattern: /no such image/i,
    message: (_match, { image }) => `Image "${image}" is no longer in the engine.`,
    hint: () => 'Build or pull it again.',
  },
  {
    pattern: /non-overlapping IPv4 address pool|all predefined address pools/i,
    message: () => 'The engine has no addresses left for a network.',
    hint: () => 'Remove unused ones with "docker network prune", or set "network" to bridge or none.',
  },
]

/** A refused call while something was being started, in words for people. An `AbortError` stays what it is. */
export function startError(error: unknown, about: StartOf, endpoint: Endpoint): Error {
  if (!(error instanceof ApiError)) return connectionError(error, endpoint)
  for (const { pattern, message, hint } of readings) {
    const match = pattern.exec(error.message)
    if (match) return new EngineError(message(match, about), { cause: error, hint: hint(match, about) })
  }
  return new EngineError(`The Docker engine refused to start ${about.name} from image "${about.image}": ${error.message}`, { cause: error })
}
