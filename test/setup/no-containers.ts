/** Each file of Docker's tests ends with the containers, networks and volumes of ours with which it began. */
import { execFileSync } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll } from 'vitest'
import { hasDocker } from '../engines/docker/available.ts'

const GONE_MS = 10_000
const lists = [
  ['container', ['ps', '-a', '-q', '--filter', 'label=cowait.owner']],
  ['network', ['network', 'ls', '-q', '--filter', 'label=cowait.owner']],
  // Those that code is sent in belong to nobody.
  ['volume', ['volume', 'ls', '-q', '--filter', 'name=cowait-']],
] as const

if (hasDocker()) {
  const before = new Set(ours())
  afterAll(async () => {
    const made = (): string[] => ours().filter((one) => !before.has(one))
    const deadline = performance.now() + GONE_MS
    let left = made()
    for (; left.length > 0 && performance.now() < deadline; left = made()) await pause(100)
    if (left.length > 0) throw new Error(`This file of tests leaves behind:\n${left.join('\n')}`)
  }, 60_000)
}

function ours(): string[] {
  return lists.flatMap(([what, list]) => {
    const ids = execFileSync('docker', list, { encoding: 'utf8', timeout: 30_000 })
    return ids
      .split('\n')
      .filter((id) => id !== '')
      .map((id) => `${what} ${id}`)
  })
}
