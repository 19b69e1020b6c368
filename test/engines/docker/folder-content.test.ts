import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { fingerprintOf, hashFolder, listFolder } from '../../../src/engines/docker/folder-content.ts'

test('a folder of many files is read without a listener left for each, and is another when one of them changes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cowait-content-'))
  const memory = `${folder}.memory`
  const warnings: Error[] = []
  const warn = (warning: Error): void => void warnings.push(warning)
  process.on('warning', warn)
  onTestFinished(() => {
    process.off('warning', warn)
    for (const path of [folder, memory]) rmSync(path, { recursive: true, force: true })
  })
  for (let n = 0; n < 50; n++) writeFileSync(join(folder, `file-${n}`), `content ${n}`)
  const before = await listFolder(folder)
  const hash = await hashFolder(before, memory)
  writeFileSync(join(folder, 'file-7'), 'content of another length')
  const after = await listFolder(folder)
  expect(fingerprintOf(after)).not.toBe(fingerprintOf(before))
  expect(await hashFolder(after, memory)).not.toBe(hash)
  writeFileSync(join(folder, 'file-7'), 'content 7')
  expect(await hashFolder(await listFolder(folder), memory)).toBe(hash)
  await new Promise((resolve) => setImmediate(resolve))
  expect(warnings).toEqual([])
})
