import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { registryAuth } from '../../../src/engines/docker/credentials.ts'

let bin: string

beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'cowait-helper-'))
  vi.stubEnv('PATH', `${bin}${delimiter}${process.env['PATH']}`)
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(bin, { recursive: true, force: true })
})

function helper(script: string): void {
  const path = join(bin, 'docker-credential-own')
  writeFileSync(path, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o755)
}

const config = { folder: '/nowhere', file: '/nowhere/config.json', credsStore: 'own' }

test('a helper that waits for somebody who is not there is given up as the start is', async () => {
  helper(`echo $$ > ${bin}/pid; exec sleep 60`)
  const start = new AbortController()
  const asked = registryAuth('far.example', config, start.signal)
  await vi.waitFor(() => expect(() => process.kill(pidOf(), 0)).not.toThrow())
  start.abort(new Error('enough'))
  await expect(asked).rejects.toThrow('enough')
  await vi.waitFor(() => expect(() => process.kill(pidOf(), 0)).toThrow())
})

test('a helper that fails is named, with what it said', async () => {
  helper('cat >/dev/null; echo the chain is locked; exit 1')
  await expect(registryAuth('far.example', config, new AbortController().signal)).rejects.toThrow(
    /docker-credential-own gave no login for far\.example: the chain is locked/,
  )
})

function pidOf(): number {
  return Number(readFileSync(join(bin, 'pid'), 'utf8'))
}
