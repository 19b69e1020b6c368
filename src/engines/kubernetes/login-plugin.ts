/** Runs a program that gives credentials, as kubectl does: `aws eks get-token`, `kubelogin`. */
import { execFile } from 'node:child_process'
import { basename } from 'node:path'
import { EngineError } from '../../core/errors.ts'
import type { Cluster, ExecPlugin } from './kubeconfig.ts'

/** What an `ExecCredential` has in its status. */
export interface PluginAnswer {
  readonly token?: string
  readonly clientCertificateData?: string
  readonly clientKeyData?: string
  readonly expirationTimestamp?: string
}

export interface PluginRun {
  readonly plugin: ExecPlugin
  readonly cluster: Cluster
  readonly env: NodeJS.ProcessEnv
  /** Ends it. */
  readonly signal: AbortSignal
  /** What it says to a person, while it goes on: a code to be typed in elsewhere. */
  readonly tell: (text: string) => void
}

const boundMs = 60_000
/** For a person to do what it says. */
const personMs = 10 * 60_000
/** One that has ended by then did not wait for anybody: what it said was a warning, or is in the error. */
const waitsMs = 1000

/** Throws an `EngineError` when there are none to be had. None of its texts has the plugin's arguments, which may be secret. */
export async function runPlugin(run: PluginRun): Promise<PluginAnswer> {
  const { command } = run.plugin
  const printed = await output(run)
  let credential: { readonly status?: PluginAnswer }
  try {
    credential = JSON.parse(printed) as typeof credential
  } catch {
    // Never the text itself, of which the parser's error has a part: it may hold a token.
    throw new EngineError(`${command} printed ${printed.length} characters that are no JSON instead of credentials.`)
  }
  const { status = {} } = credential
  if (status.token !== undefined || status.clientCertificateData !== undefined) return status
  throw new EngineError(`${command} gave neither a token nor a certificate.`)
}

async function output({ plugin, cluster, env, signal, tell }: PluginRun): Promise<string> {
  const { command, args, installHint } = plugin
  signal.throwIfAborted()
  const late = new AbortController()
  let limitMs = boundMs
  let limit = setTimeout(() => late.abort(), limitMs)
  let telling: NodeJS.Timeout | undefined
  let said = ''
  const tellSaid = (): void => {
    telling = undefined
    tell(`${basename(command)}: ${said.trim()}`)
    said = ''
    clearTimeout(limit)
    limit = setTimeout(() => late.abort(), (limitMs = personMs))
  }
  const options = {
    env: { ...env, ...plugin.env, KUBERNETES_EXEC_INFO: JSON.stringify(told(plugin, cluster)) },
    maxBuffer: 4 << 20,
    signal: AbortSignal.any([signal, late.signal]),
  }
  try {
    return await new Promise<string>((resolve, reject) => {
      const child = execFile(command, [...args], options, (error, stdout, stderr) => {
        if (!error) return resolve(stdout)
        if (signal.aborted) return reject(signal.reason as Error)
        const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
        const why = late.signal.aborted ? `gave none within ${limitMs / 1000} s` : failure(error)
        const last = stderr.trim().split('\n').slice(-3).join('\n')
        const context = JSON.stringify(cluster.name)
        // Node's own error has the whole command line.
        reject(
          new EngineError(`The credentials of context ${context} could not be had: ${command} ${why}${last && `: ${last}`}`, {
            hint: (isMissing ? installHint : undefined) ?? 'Check that "kubectl get pods" works; a login may have run out.',
          }),
        )
      })
      child.stdin?.on('error', () => {}).end()
      child.stderr?.on('data', (text: string) => {
        said += text
        telling ??= setTimeout(tellSaid, waitsMs)
      })
    })
  } finally {
    clearTimeout(limit)
    clearTimeout(telling)
  }
}

/** What is told about the cluster in `KUBERNETES_EXEC_INFO`. */
function told({ apiVersion, provideClusterInfo }: ExecPlugin, { server, ca, insecure }: Cluster): object {
  const about = {
    server: server.href,
    ...(ca !== undefined && { 'certificate-authority-data': Buffer.from(ca).toString('base64') }),
    ...(insecure && { 'insecure-skip-tls-verify': true }),
  }
  return { apiVersion, kind: 'ExecCredential', spec: { interactive: false, ...(provideClusterInfo && { cluster: about }) } }
}

function failure({ code, signal }: { readonly code?: number | string | null; readonly signal?: NodeJS.Signals | null }): string {
  if (code === 'ENOENT') return 'was not found'
  if (code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return 'printed too much'
  if (typeof code === 'string') return `could not be started (${code})`
  return signal ? `was ended by ${signal}` : `ended with exit code ${code ?? '?'}`
}
