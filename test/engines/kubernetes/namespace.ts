/** The cluster that tests use: kubectl as its administrator, and namespaces in which cowait has the rights of docs/kubernetes-rbac.yaml. */
import { execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { ApiClient } from '../../../src/engines/kubernetes/api-client.ts'
import { findCluster } from '../../../src/engines/kubernetes/kubeconfig.ts'

const run = promisify(execFile)

/** The tests' own process has the KUBECONFIG of the account that they are about. */
const administrator = { ...process.env, KUBECONFIG: process.env['TEST_ADMINISTRATOR'] ?? process.env['KUBECONFIG'] }

/** As the administrator. */
export async function kubectl(...command: string[]): Promise<string> {
  return (await run('kubectl', command, { maxBuffer: 16 << 20, env: administrator })).stdout.trim()
}

let client: Promise<ApiClient> | undefined

/** A call of the API as the administrator, without the second that a start of kubectl takes. */
// oxlint-disable-next-line typescript/no-explicit-any -- what a test expects, it says itself
export async function api(method: string, path: string, body?: unknown): Promise<any> {
  client ??= findCluster(undefined, administrator).then((cluster) => new ApiClient(cluster, administrator))
  return await (await client).call(method, path, { body, ...(method === 'PATCH' && { contentType: 'application/merge-patch+json' }) })
}

/** Creates or changes what the text (YAML or JSON) describes. */
export async function apply(text: string): Promise<void> {
  const child = spawn('kubectl', ['apply', '-f', '-'], { stdio: ['pipe', 'ignore', 'inherit'], env: administrator })
  child.stdin.end(text)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`kubectl apply ended with exit code ${code} for: ${text}`)
}

/** Waits for a condition; answers how long that took. */
export async function until(what: string, isSo: () => Promise<boolean>, boundMs = 30_000): Promise<number> {
  const from = Date.now()
  while (!(await isSo())) {
    if (Date.now() - from > boundMs) throw new Error(`Not so within ${boundMs} ms: ${what}`)
    await pause(100)
  }
  return Date.now() - from
}

interface Right {
  readonly namespace: string
  readonly resource: string
  readonly verb: string
  readonly group?: string
  /** The others stay. */
  readonly isAlone?: boolean
}

/** Takes all rights on a kind of objects (`pods/exec`), or one of them alone, from the account of the tests for as long as `act` takes. */
export async function withoutRight<T>(
  { namespace, resource, verb, group = '', isAlone = false }: Right,
  act: () => Promise<T>,
): Promise<T> {
  const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles/cowait`
  const role = (await api('GET', path)) as { rules: { resources: string[]; verbs: string[] }[] }
  const [name, subresource] = resource.split('/')
  const may = async (): Promise<boolean> => {
    const { status } = (await api('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: {
        user: `system:serviceaccount:${namespace}:cowait`,
        groups: ['system:authenticated'],
        resourceAttributes: { namespace, verb, group, resource: name, ...(subresource && { subresource }) },
      },
    })) as { status: { allowed: boolean } }
    return status.allowed
  }
  const others = role.rules.filter(({ resources }) => !resources.includes(resource))
  const less = role.rules
    .filter(({ resources }) => isAlone && resources.includes(resource))
    .map((rule) => ({ ...rule, verbs: rule.verbs.filter((one) => one !== verb) }))
  await api('PATCH', path, { rules: [...others, ...less] })
  try {
    await until('the right is gone', async () => !(await may()))
    return await act()
  } finally {
    await api('PATCH', path, { rules: role.rules })
    await until('the right is back', may)
  }
}

/** A namespace that enforces the Pod Security level `restricted`, and a kubeconfig of the account that the Role is for. */
export class Namespace implements AsyncDisposable {
  readonly name: string
  readonly kubeconfig: string
  readonly #folder: string

  private constructor(name: string, folder: string) {
    this.name = name
    this.#folder = folder
    this.kubeconfig = join(folder, 'kubeconfig')
  }

  static async make(): Promise<Namespace> {
    const name = `cowait-test-${randomUUID().slice(0, 8)}`
    const manifest = readFileSync(join(import.meta.dirname, '../../../docs/kubernetes-rbac.yaml'), 'utf8')
    await apply(
      manifest
        .replaceAll('namespace: cowait', `namespace: ${name}`)
        .replace('Namespace\nmetadata:\n  name: cowait', `Namespace\nmetadata:\n  name: ${name}`),
    )
    // Made by the cluster a moment after the namespace; no pod is admitted before.
    await until('the default account exists', () =>
      api('GET', `/api/v1/namespaces/${name}/serviceaccounts/default`).then(Boolean, () => false),
    )
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 7200 } }
    const { status } = (await api('POST', `/api/v1/namespaces/${name}/serviceaccounts/cowait/token`, request)) as {
      status: { token: string }
    }
    const config = JSON.parse(await kubectl('config', 'view', '--raw', '--minify', '-o', 'json')) as {
      users: { user: object }[]
      contexts: { context: { namespace?: string } }[]
    }
    for (const one of config.users) one.user = { token: status.token }
    for (const { context } of config.contexts) context.namespace = name
    const namespace = new Namespace(name, mkdtempSync(join(tmpdir(), 'cowait-namespace-')))
    writeFileSync(namespace.kubeconfig, JSON.stringify(config), { mode: 0o600 })
    return namespace
  }

  /** kubectl as the administrator, in this namespace. */
  kubectl(...command: string[]): Promise<string> {
    return kubectl('--namespace', this.name, ...command)
  }

  /** What people, or cowait, made here and has not gone. */
  async left(): Promise<string[]> {
    const kinds = ['pods', 'configmaps', 'secrets', 'persistentvolumeclaims', 'services']
    const paths = [...kinds.map((kind) => `/api/v1/namespaces/${this.name}/${kind}`), `/apis/batch/v1/namespaces/${this.name}/jobs`]
    const names = await Promise.all(
      paths.map(async (path) => {
        const { items } = (await api('GET', path)) as { items: { metadata: { name: string } }[] }
        return items.map(({ metadata }) => `${path.split('/').at(-1)}/${metadata.name}`)
      }),
    )
    return names.flat().filter((name) => name !== 'configmaps/kube-root-ca.crt')
  }

  /** Resolves, with how long that took, when nothing is left. */
  async nothingLeft(boundMs = 30_000): Promise<number> {
    let left: string[] = []
    try {
      return await until('nothing is left', async () => (left = await this.left()).length === 0, boundMs)
    } catch (error) {
      throw new Error(`Left behind in ${this.name}: ${left.join(', ')}`, { cause: error })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true })
    await api('DELETE', `/api/v1/namespaces/${this.name}`)
  }
}
