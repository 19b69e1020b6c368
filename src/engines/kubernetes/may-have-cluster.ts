import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Cheap: whether there is anything to ask for a cluster, as `findCluster` looks for it. */
export function mayHaveCluster(env: NodeJS.ProcessEnv): boolean {
  return Boolean(env['KUBECONFIG'] || env['KUBERNETES_SERVICE_HOST']) || existsSync(join(env['HOME'] ?? homedir(), '.kube/config'))
}
