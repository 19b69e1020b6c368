import { tmpdir } from 'node:os'
import { createKubernetesEngine } from '../../../src/engines/kubernetes/kubernetes-engine.ts'

/** Whether tests can use a cluster: the one of KUBECONFIG. Says so when they cannot; with CI set, one that does not answer is an error. */
export async function hasKubernetes(): Promise<boolean> {
  const missing = process.env['KUBECONFIG'] ? await problem() : 'KUBECONFIG is not set'
  if (missing === undefined) return true
  if (process.env['CI'] && process.env['KUBECONFIG']) throw new Error(`CI is set, but the cluster of KUBECONFIG cannot be used: ${missing}`)
  console.log(`skipped: these tests need a Kubernetes cluster (${missing}); "npm run test:kubernetes" starts one`)
  return false
}

async function problem(): Promise<string | undefined> {
  try {
    const engine = await createKubernetesEngine({ owner: 'probe', runtimeDirectory: tmpdir() })
    await engine.close()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
