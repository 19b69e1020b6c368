import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, isIP, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, stringify } from 'yaml'
import type { Engine } from '../../../src/core/engine.ts'
import { ApiClient } from '../../../src/engines/kubernetes/api-client.ts'
import type { Listed, Pod } from '../../../src/engines/kubernetes/api-types.ts'
import { createKubernetesEngine } from '../../../src/engines/kubernetes/kubernetes-engine.ts'
import { findCluster } from '../../../src/engines/kubernetes/kubeconfig.ts'

export const runtimeDirectory = fileURLToPath(new URL('../../../dist', import.meta.url))

/** Names of the pods and Jobs of one supervisor, or of all. */
export async function ownedBy(owner?: string): Promise<string[]> {
  const cluster = await findCluster(undefined, process.env)
  const client = new ApiClient(cluster, process.env)
  try {
    const query = { labelSelector: owner === undefined ? 'cowait.owner' : `cowait.owner=${owner}` }
    const lists = await Promise.all([
      client.call<Listed<Pod>>('GET', `/api/v1/namespaces/${cluster.namespace}/pods`, { query }),
      client.call<Listed<Pod>>('GET', `/apis/batch/v1/namespaces/${cluster.namespace}/jobs`, { query }),
    ])
    return lists.flatMap(({ items }) => items.map(({ metadata }) => metadata.name))
  } finally {
    client.close()
  }
}

/** A way to the cluster that the test cuts, closes and holds. */
export async function openWay() {
  const folder = mkdtempSync(join(tmpdir(), 'cowait-way-'))
  const cluster = await findCluster(undefined, process.env)
  const sockets = new Set<Socket>()
  let isHeld = false
  const server = createServer((near) => {
    const far = connect(Number(cluster.server.port), cluster.server.hostname)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => sockets.delete(socket))
      if (isHeld) socket.pause()
    }
    near.on('data', (bytes) => far.write(bytes))
    far.on('data', (bytes) => near.write(bytes))
    near.on('close', () => far.destroy())
    far.on('close', () => near.destroy())
  })
  const listen = (port: number): Promise<void> => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
  await listen(0)
  const { port } = server.address() as AddressInfo
  const paths = (process.env['KUBECONFIG'] ?? '').split(':')
  const config = parse(readFileSync(paths[0] ?? '', 'utf8')) as { clusters: { cluster: Record<string, unknown> }[] }
  for (const one of config.clusters) {
    one.cluster['server'] = `https://127.0.0.1:${port}`
    if (isIP(cluster.server.hostname) === 0) one.cluster['tls-server-name'] = cluster.server.hostname
  }
  const KUBECONFIG = join(folder, 'config')
  writeFileSync(KUBECONFIG, stringify(config))
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    open: async (owner: string, settings: Readonly<Record<string, unknown>> = {}): Promise<Engine> =>
      await createKubernetesEngine({ owner, runtimeDirectory, settings, env: { ...process.env, KUBECONFIG } }),
    /** Breaks all connections. */
    cut,
    /** Breaks all connections and takes no new ones until it is opened again. */
    close: (): void => {
      server.close()
      cut()
    },
    reopen: async (): Promise<void> => await listen(port),
    /** Nothing passes any more, and nobody is told. */
    hold: (): void => {
      isHeld = true
      for (const socket of sockets) socket.pause()
    },
    release: (): void => {
      isHeld = false
      for (const socket of sockets) socket.resume()
    },
    [Symbol.dispose]: (): void => {
      server.close()
      cut()
      rmSync(folder, { recursive: true })
    },
  }
}

/** Kills a process and the shell that guards its folder, so that only the cluster is left to clear up. */
export function killWithGuard(pid: number): void {
  const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
  process.kill(pid, 'SIGKILL')
  for (const child of children
    .split('\n')
    .map(Number)
    .filter((one) => one > 0)) {
    try {
      process.kill(child, 'SIGKILL')
    } catch {
      // Gone already.
    }
  }
}
