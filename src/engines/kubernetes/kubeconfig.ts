/**
 * Which cluster, and as whom: from kubeconfig files as `kubectl` reads them, or from inside a pod.
 *
 * Read here, with the YAML parser that the command line has anyway. `@kubernetes/client-node` would do it too, and costs 250 to 350 ms
 * and 80 MB at import for it; its current version does not load on Node 20.
 */
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path'
import { EngineError, UsageError } from '../../core/errors.ts'

/** A program that gives credentials, as `aws eks get-token` does. */
export interface ExecPlugin {
  readonly apiVersion: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly provideClusterInfo: boolean
  readonly installHint?: string
}

/** As whom requests are to be taken, other than who sends them: the API server asks whether the sender may. */
export interface Impersonation {
  readonly user: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra: Readonly<Record<string, readonly string[]>>
}

export interface User {
  readonly token?: string
  /** Read again now and then: the cluster changes it. */
  readonly tokenFile?: string
  readonly username?: string
  readonly password?: string
  readonly cert?: string
  readonly key?: string
  /** Where those two came from, if from files: read again when the API server does not take them any more. */
  readonly certFile?: string
  readonly keyFile?: string
  readonly exec?: ExecPlugin
  readonly impersonate?: Impersonation
}

export interface Cluster {
  /** For people. */
  readonly name: string
  readonly server: URL
  readonly ca?: string
  readonly insecure: boolean
  readonly serverName?: string
  readonly namespace: string
  readonly user: User
  /** Where it was found: a file's path, or `inside`. */
  readonly from: string
}

const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount'

/** Throws a `UsageError` for a context that is not there, and an `EngineError` when no cluster is known or its files cannot be read. */
export async function findCluster(context: string | undefined, env: NodeJS.ProcessEnv): Promise<Cluster> {
  const named = env['KUBECONFIG']?.split(delimiter).filter(Boolean) ?? []
  const paths = named.length > 0 ? named : [join(env['HOME'] ?? homedir(), '.kube/config')]
  const found = (await Promise.all(paths.map(readConfig))).filter((file) => file !== undefined)
  if (found.length > 0) return await clusterOf(found, context)
  const inside = context === undefined ? await clusterInside(env) : undefined
  if (inside) return inside
  throw new EngineError(`No Kubernetes cluster is configured: there is no ${paths.join(' and no ')}.`, {
    hint: 'Set KUBECONFIG, or make ~/.kube/config as your cluster tells ("kubectl get pods" must work), or use another engine.',
  })
}

interface ConfigFile {
  readonly path: string
  readonly content: Record<string, unknown>
}

async function readConfig(path: string): Promise<ConfigFile | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new EngineError(`The kubeconfig ${path} cannot be read: ${(error as Error).message}`, { cause: error })
  }
  const { parse } = await import('yaml')
  let content: unknown
  try {
    content = parse(text)
  } catch (error) {
    throw new EngineError(`The kubeconfig ${path} is no YAML: ${(error as Error).message}`, { cause: error })
  }
  return { path, content: isObject(content) ? content : {} }
}

/** As kubectl: of several files the first that says something holds. */
async function clusterOf(files: readonly ConfigFile[], wanted: string | undefined): Promise<Cluster> {
  const name = wanted ?? files.map(({ content }) => content['current-context']).find((one) => typeof one === 'string' && one !== '')
  const from = files.map(({ path }) => path).join(', ')
  if (typeof name !== 'string')
    throw new UsageError(`The kubeconfig ${from} has no current context. Choose one: "kubectl config use-context NAME", or set "context".`)
  const context = entry(files, 'contexts', 'context', name)
  if (!context) {
    const names = files.flatMap(({ content }) => listOf(content['contexts']).map((one) => String(one['name'])))
    throw new UsageError(`The kubeconfig ${from} has no context ${JSON.stringify(name)}. It has: ${names.join(', ') || 'none'}.`)
  }
  const clusterName = textOf(context.value['cluster']) ?? ''
  const cluster = entry(files, 'clusters', 'cluster', clusterName)
  const server = textOf(cluster?.value['server'])
  if (!cluster || server === undefined)
    throw new UsageError(
      `Context ${JSON.stringify(name)} of ${from} names the cluster ${JSON.stringify(clusterName)}, which has no server.`,
    )
  if (!URL.canParse(server))
    throw new UsageError(
      `Cluster ${JSON.stringify(clusterName)} of ${cluster.path} has the server ${JSON.stringify(server)}, which is no URL.`,
    )
  refuseProxy(textOf(cluster.value['proxy-url']), { clusterName, path: cluster.path })
  const user = entry(files, 'users', 'user', textOf(context.value['user']) ?? '')
  const ca = await content(cluster, 'certificate-authority')
  const serverName = textOf(cluster.value['tls-server-name'])
  return {
    name,
    server: new URL(server),
    ...(ca === undefined ? {} : { ca }),
    insecure: cluster.value['insecure-skip-tls-verify'] === true,
    ...(serverName === undefined ? {} : { serverName }),
    namespace: textOf(context.value['namespace']) ?? 'default',
    user: user ? await userOf(user) : {},
    from,
  }
}

/** Going around it in silence would end in a time-out, or reach what the proxy is to keep us from. */
function refuseProxy(proxy: string | undefined, { clusterName, path }: { readonly clusterName: string; readonly path: string }): void {
  if (proxy === undefined) return
  throw new UsageError(
    `Cluster ${JSON.stringify(clusterName)} of ${path} has the proxy-url ${JSON.stringify(withoutPassword(proxy))}, and cowait does not go through proxies. Name a server that is reached directly: run "kubectl proxy", or a tunnel to it, and choose a context with that address.`,
  )
}

function withoutPassword(address: string): string {
  return address.replace(/\/\/[^/@]*@/, '//')
}

async function userOf(user: Entry): Promise<User> {
  const { value, path } = user
  const provider = value['auth-provider']
  if (isObject(provider)) {
    throw new UsageError(
      `User ${JSON.stringify(user.name)} of ${path} uses the auth-provider ${JSON.stringify(provider['name'])}, which Kubernetes has removed. Use its exec plugin (such as kubelogin, gke-gcloud-auth-plugin).`,
    )
  }
  // One after the other, so that where both are missing it is always the first that is named.
  const cert = await content(user, 'client-certificate')
  const key = await content(user, 'client-key')
  const [certFile, keyFile] = [fileOf(user, 'client-certificate'), fileOf(user, 'client-key')]
  const token = textOf(value['token'])
  const tokenFile = textOf(value['tokenFile'])
  const username = textOf(value['username'])
  const password = textOf(value['password'])
  return {
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(certFile === undefined ? {} : { certFile }),
    ...(keyFile === undefined ? {} : { keyFile }),
    ...(tokenFile === undefined ? {} : { tokenFile: resolve(dirname(path), tokenFile) }),
    ...(token === undefined ? {} : { token }),
    ...(username === undefined ? {} : { username, password: password ?? '' }),
    ...impersonationOf(user),
    ...(isObject(value['exec']) ? { exec: execOf(value['exec'], path) } : {}),
  }
}

/** As kubectl: without a user there can be none of the rest. */
function impersonationOf({ name, value, path }: Entry): Pick<User, 'impersonate'> {
  const user = textOf(value['as'])
  const uid = textOf(value['as-uid'])
  const groups = Array.isArray(value['as-groups']) ? value['as-groups'].map(String) : []
  const given = isObject(value['as-user-extra']) ? value['as-user-extra'] : {}
  const extra = Object.fromEntries(Object.entries(given).map(([key, values]) => [key, Array.isArray(values) ? values.map(String) : []]))
  if (user !== undefined) return { impersonate: { user, groups, extra, ...(uid === undefined ? {} : { uid }) } }
  if (uid === undefined && groups.length === 0 && Object.keys(extra).length === 0) return {}
  throw new UsageError(
    `User ${JSON.stringify(name)} of ${path} has "as-uid", "as-groups" or "as-user-extra" without "as". Add "as", or take them out.`,
  )
}

function execOf(exec: Record<string, unknown>, path: string): ExecPlugin {
  const command = textOf(exec['command']) ?? ''
  const hint = textOf(exec['installHint'])
  return {
    apiVersion: textOf(exec['apiVersion']) ?? 'client.authentication.k8s.io/v1',
    // A name is looked up on the PATH, a relative path from the file's folder.
    command: !command.includes('/') || isAbsolute(command) ? command : resolve(dirname(path), command),
    args: Array.isArray(exec['args']) ? exec['args'].map(String) : [],
    env: Object.fromEntries(listOf(exec['env']).map(({ name, value }) => [String(name), String(value)])),
    provideClusterInfo: exec['provideClusterInfo'] === true,
    ...(hint === undefined ? {} : { installHint: hint }),
  }
}

/** A pod with a service account. */
async function clusterInside(env: NodeJS.ProcessEnv): Promise<Cluster | undefined> {
  const host = env['KUBERNETES_SERVICE_HOST']
  if (!host) return undefined
  const read = (name: string): Promise<string | undefined> => readFile(join(serviceAccount, name), 'utf8').catch(() => undefined)
  const [token, ca, namespace] = await Promise.all([read('token'), read('ca.crt'), read('namespace')])
  if (token === undefined) return undefined
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '443'
  return {
    name: 'inside',
    server: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`),
    ...(ca === undefined ? {} : { ca }),
    insecure: false,
    namespace: namespace?.trim() ?? 'default',
    user: { tokenFile: join(serviceAccount, 'token') },
    from: 'inside',
  }
}

interface Entry {
  readonly name: string
  readonly value: Record<string, unknown>
  readonly path: string
}

function entry(files: readonly ConfigFile[], list: string, kind: string, name: string): Entry | undefined {
  for (const { path, content } of files) {
    const one = listOf(content[list]).find((candidate) => candidate['name'] === name)
    if (one) return { name, value: isObject(one[kind]) ? one[kind] : {}, path }
  }
  return undefined
}

/** `KEY-data` in base64, else the file that `KEY` names, from the kubeconfig's folder. */
async function content(entry: Entry, key: string): Promise<string | undefined> {
  const data = textOf(entry.value[`${key}-data`])
  if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8')
  const file = fileOf(entry, key)
  if (file === undefined) return undefined
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new EngineError(`The ${key} of ${entry.path} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

function fileOf({ value, path }: Entry, key: string): string | undefined {
  const file = textOf(value[key])
  return file === undefined || textOf(value[`${key}-data`]) !== undefined ? undefined : resolve(dirname(path), file)
}

function listOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
