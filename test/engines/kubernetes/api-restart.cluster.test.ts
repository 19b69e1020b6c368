import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openHost } from '../../conformance/host.ts'
import { hasKubernetes } from './available.ts'
import { api, until } from './namespace.ts'

const ownCluster = process.env['TEST_CLUSTER']

describe.runIf(ownCluster && (await hasKubernetes()))('an API server that is killed and comes back', () => {
  test('loses no run, neither one that goes on nor one that starts meanwhile', async () => {
    const folder = ownCluster ?? ''
    const pid = readFileSync(join(folder, 'pid'), 'utf8').trim()
    const init = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    await using host = await openHost({ name: 'kubernetes', isolated: true, options: { engine: 'kubernetes' } })
    const slow = host.settle('calls:slow', { ms: 12_000 })
    await host.event('running', () => true)
    execFileSync('nsenter', ['--target', init, '--pid', '--mount', 'sh', '-c', `kill -KILL $(cat ${folder}/pids/apiserver)`])
    const started = host.output('calls:inSequence')
    await until('the API server is back', () => api('GET', '/version').then(Boolean, () => false))
    expect(await started).toBe(7)
    expect(await slow).toMatchObject({ status: 'done' })
  })
})
