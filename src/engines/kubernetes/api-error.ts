/** What the API server or the way to it says, as an `EngineError` with what to do about it. */
import { EngineError } from '../../core/errors.ts'
import type { ApiStatus } from './api-types.ts'
import type { Cluster } from './kubeconfig.ts'

interface Asked {
  readonly retryAfterMs?: number | undefined
  readonly path?: string | undefined
}

/** The API server answered, and refused. */
export class ApiError extends Error {
  readonly status: number
  readonly reason: string
  readonly retryAfterMs: number | undefined
  /** In the API, of what was asked for; empty where it was not the answer to a call. */
  readonly path: string

  constructor(status: number, { reason = '', message, details }: ApiStatus, { retryAfterMs, path = '' }: Asked = {}) {
    super(message ?? `HTTP ${status}`)
    this.name = 'ApiError'
    this.status = status
    this.reason = reason
    this.path = path
    this.retryAfterMs = details?.retryAfterSeconds === undefined ? retryAfterMs : details.retryAfterSeconds * 1000
  }
}

export function isMissing(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404
}

/** There is an object of that name. */
export function isTaken(error: unknown): boolean {
  return error instanceof ApiError && error.reason === 'AlreadyExists'
}

/** How long the server wants to be left alone; 0 when it does not say. A little more than it said, so that not all come back at once. */
export function retryAfterMs(error: unknown): number {
  return error instanceof ApiError ? (error.retryAfterMs ?? 0) * (1 + Math.random() / 5) : 0
}

/** Of a network that is away for a moment, its names and a proxy before the server included. */
const passingCodes = /^(ECONN|EPIPE|EPROTO$|ETIMEDOUT|EAI_AGAIN|ENOTFOUND|ENETUNREACH|ENETDOWN|EHOSTUNREACH|EHOSTDOWN)/

/** Worth another try: the server is busy or coming back, or the connection broke. */
export function isPassing(error: unknown): boolean {
  if (error instanceof ApiError) return error.status === 408 || error.status === 429 || error.status >= 500
  const { code = '', name, message } = error as NodeJS.ErrnoException
  if (name === 'AbortError') return false
  return passingCodes.test(code) || /socket hang up|network socket disconnected/.test(message)
}

/** The API server could not be asked, or would not. */
export function connectionError(error: unknown, cluster: Cluster): Error {
  if (error instanceof EngineError) return error
  const { name, code = '', message } = error as NodeJS.ErrnoException
  const where = `The Kubernetes API at ${cluster.server.origin}`
  if (error instanceof ApiError) {
    if (error.status === 401) {
      return new EngineError(`${where} does not accept the credentials of context ${JSON.stringify(cluster.name)}.`, {
        cause: error,
        hint: 'Log in again; "kubectl auth whoami" shows who you are to it.',
      })
    }
    if (error.status === 403) return forbidden(error)
    return new EngineError(`${where} refused: ${error.message}`, { cause: error })
  }
  if (name === 'AbortError') return error as Error
  if (name === 'TimeoutError') {
    return new EngineError(`${where} does not answer.`, { cause: error, hint: 'Check that "kubectl get pods" works.' })
  }
  if (code === 'ECONNREFUSED') {
    return new EngineError(`Nobody answers at ${cluster.server.origin}, where the Kubernetes API should be.`, {
      cause: error,
      hint: 'Start the cluster, or choose another with "context" or KUBECONFIG.',
    })
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return new EngineError(`The host of ${cluster.server.origin} is not known.`, {
      cause: error,
      hint: 'Check the server in your kubeconfig.',
    })
  }
  if (/CERT|TLS|SSL|ALTNAME/.test(code)) {
    return new EngineError(`${where} cannot be trusted: ${message}`, {
      cause: error,
      hint: 'Check certificate-authority (and the client certificate) in your kubeconfig.',
    })
  }
  return new EngineError(`The connection to ${cluster.server.origin} failed: ${message}`, {
    cause: error,
    hint: 'Check that "kubectl get pods" works.',
  })
}

/** `pods is forbidden: User "x" cannot create resource "pods" in API group "" in the namespace "y"` */
const missingRight = /User "([^"]+)" cannot (\S+) resource "([^"]+)" in API group "([^"]*)"(?: in the namespace "([^"]+)")?/

function forbidden(error: ApiError): EngineError {
  const [, user, verb, resource, group, namespace] = missingRight.exec(error.message) ?? []
  if (verb !== undefined) {
    const kind = group ? `${resource}.${group}` : resource
    return new EngineError(`${user} may not ${verb} ${kind}${namespace ? ` in namespace ${namespace}` : ''}.`, {
      cause: error,
      hint: `Give it the right "${verb}" on "${kind}": docs/kubernetes.md shows the Role that cowait needs.`,
    })
  }
  return new EngineError(`The cluster refused: ${error.message}`, { cause: error })
}

/** What was being started, for messages. */
export interface StartOf {
  readonly name: string
  readonly image: string
  readonly namespace: string
}

interface Reading {
  readonly pattern: RegExp
  readonly message: (about: StartOf, error: ApiError) => string
  readonly hint: string
  /** Where it is a Job that was refused. */
  readonly hintOfJob?: string
}

const readings: readonly Reading[] = [
  {
    pattern: /exceeded quota/i,
    message: ({ name, namespace }, error) =>
      `${name} does not fit the quota of namespace ${namespace}: ${afterColon(error.message, 'exceeded quota')}`,
    hint: 'Lower cpu, memory or --concurrency, wait for other runs, or have the quota raised.',
  },
  {
    pattern: /failed quota.*must specify/i,
    message: ({ namespace }, error) =>
      `Namespace ${namespace} wants every pod to name its resources: ${afterColon(error.message, 'failed quota')}`,
    hint: 'Set "cpu" and "memory".',
  },
  {
    pattern: /violates PodSecurity/i,
    message: ({ namespace }, error) =>
      `Namespace ${namespace} does not allow such a pod: ${error.message.slice(error.message.indexOf('violates PodSecurity'))}`,
    hint: 'Leave out the setting that it names, or use a namespace that allows it.',
  },
  {
    pattern: /serviceaccount "?\S+"? not found|error looking up service account/i,
    message: ({ namespace }, error) => `The service account does not exist in namespace ${namespace}: ${error.message}`,
    hint: 'Make it with "kubectl create serviceaccount", or correct "serviceAccount" or "supervisorAccount".',
  },
  {
    pattern: /namespaces? "[^"]+" not found/i,
    message: ({ namespace }) => `Namespace ${namespace} does not exist.`,
    hint: 'Make it with "kubectl create namespace", or correct "namespace".',
  },
  {
    pattern: /is being terminated/i,
    message: ({ namespace }) => `Namespace ${namespace} is being deleted.`,
    hint: 'Use another one.',
  },
  {
    pattern: /no PriorityClass with name (\S+)/i,
    message: (_about, error) => error.message.replace(/^.*?(no PriorityClass)/, 'There is $1'),
    hint: 'Correct "priorityClass".',
  },
  {
    pattern: /read-?only-?root-?file-?system/i,
    message: notAdmitted,
    hint: 'Make it so with "podTemplate": { spec: { containers: [{ name: "worker", securityContext: { readOnlyRootFilesystem: true } }] } }.',
  },
  {
    pattern: /admission webhook|admission plugin|ValidatingAdmissionPolicy|limits? to Container|usage per (?:Container|Pod)/i,
    message: notAdmitted,
    hint: 'Change what it names, or ask whoever made the rule.',
    hintOfJob:
      'A Job has the image, labels and template that are set for pods: set there what it names ("image", "podLabels", "podTemplate"), ' +
      'or ask whoever made the rule.',
  },
  {
    pattern: /is invalid: /i,
    message: ({ name }, error) =>
      `The ${kindOf(error)} of ${name} is not valid: ${error.message.slice(error.message.indexOf('is invalid: ') + 12)}`,
    hint: 'Correct the setting that it names.',
  },
]

function notAdmitted({ name }: StartOf, error: ApiError): string {
  return `The cluster's rules do not admit the ${kindOf(error)} of ${name}: ${error.message}`
}

/** What was to be created: pods have owners, which are refused by the same rules. */
function kindOf({ path }: ApiError): 'Job' | 'pod' {
  return path.endsWith('/jobs') ? 'Job' : 'pod'
}

/** A refused creation, in words for people. An `AbortError` stays what it is. */
export function startError(error: unknown, about: StartOf, cluster: Cluster): Error {
  if (!(error instanceof ApiError) || error.status === 401) return connectionError(error, cluster)
  for (const { pattern, message, hint, hintOfJob = hint } of readings) {
    if (!pattern.test(error.message)) continue
    return new EngineError(message(about, error), { cause: error, hint: kindOf(error) === 'Job' ? hintOfJob : hint })
  }
  if (error.status === 403) return forbidden(error)
  return new EngineError(`The cluster refused to start ${about.name} from image "${about.image}": ${error.message}`, { cause: error })
}

function afterColon(message: string, from: string): string {
  const at = message.indexOf(from)
  return message.slice(message.indexOf(':', at) + 1).trim()
}
