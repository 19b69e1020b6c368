import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cowait, Invocation, TestProject, type Ended } from '../../cli/cowait.ts'
import { hasKubernetes } from './available.ts'
import { findCluster } from '../../../src/engines/kubernetes/kubeconfig.ts'
import { api, kubectl, until } from './namespace.ts'

const namespace = (await hasKubernetes()) ? (await findCluster(undefined, process.env)).namespace : ''

describe.runIf(namespace)('who looks at it from outside', () => {
  test("reads in the cluster's own log what a task prints, and nothing of ours", async () => {
    using project = new TestProject()
    project.write(
      'telling.ts',
      `import { task, delay } from 'cowait'
export const telling = task(async (_, { log }) => {
  console.log('plain ü')
  console.log('two\\nlines')
  log.info('with fields', { n: 7 })
  console.log('ready')
  await delay('1h')
})
`,
    )
    const running = new Invocation(['run', 'telling', '--engine', 'kubernetes'], { cwd: project.root })
    await running.shows('| ready')
    const { items } = (await api('GET', `/api/v1/namespaces/${namespace}/pods`)) as { items: { metadata: { name: string } }[] }
    // The node learns that a container runs, and what it printed, some time after its program has said so over the channel.
    let text = ''
    await until("the node's log has the last line", async () => {
      text = await kubectl('--namespace', namespace, 'logs', items[0]?.metadata.name ?? '').catch(String)
      return /^ready$/m.test(text)
    })
    expect(text).toBe('plain ü\ntwo\nlines\nwith fields {"n":7}\nready')
    running.child.kill('SIGINT')
    expect((await running.ended).code).toBe(130)
  })

  test.each(['writes', 'asks'])('is told where to write instead of the folder of the program: %s', async (name) => {
    using project = new TestProject()
    project.write(
      'writing.ts',
      `import { writeFileSync } from 'node:fs'
import { task } from 'cowait'
export const writes = task(async () => writeFileSync('result.txt', 'written'))
export const asks = task(async () => await writes())
`,
    )
    const { code, stderr } = await cowait(['run', `writing:${name}`, '--engine', 'kubernetes'], { cwd: project.root })
    expect(stderr).toMatch(/EACCES.*result\.txt'\n(?:.*\n)*.*write to the scratch folder, os\.tmpdir\(\) \(here \/tmp\)/)
    expect(code).toBe(1)
  })

  test('is told by cowait doctor what it finds of a cluster', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cowait-doctor-'))
    const doctor = (env: NodeJS.ProcessEnv): Promise<Ended> => cowait(['doctor'], { cwd: folder, env: { HOME: folder, ...env } })
    const kubeconfig = (server: string): string => {
      const context = { name: 'c', context: { cluster: 'c', user: 'c' } }
      const path = join(folder, 'kubeconfig')
      writeFileSync(
        path,
        JSON.stringify({ 'current-context': 'c', contexts: [context], clusters: [{ name: 'c', cluster: { server } }], users: [] }),
      )
      return path
    }
    try {
      expect((await doctor({})).stdout).toMatch(/kubernetes +answers; \d+ pods? of cowait/)
      expect((await doctor({ KUBECONFIG: '' })).stdout).toMatch(/kubernetes +not set up \(there is no kubeconfig\)/)
      expect((await doctor({ KUBECONFIG: kubeconfig('https://127.0.0.1:9') })).stdout).toContain('Nobody answers at https://127.0.0.1:9')
      writeFileSync(join(folder, 'cowait.config.json'), '{ "engine": "kubernetes", "context": "elsewhere" }')
      const wrong = await doctor({})
      expect(wrong.stdout + wrong.stderr).toContain('has no context "elsewhere"')
      expect(wrong.code).not.toBe(0)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
