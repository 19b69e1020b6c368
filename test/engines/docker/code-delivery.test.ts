import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { CodeDelivery } from '../../../src/engines/docker/code-delivery.ts'
import type { DockerClient } from '../../../src/engines/docker/docker-client.ts'

const runtimeDirectory = join(import.meta.dirname, '../../../dist')
const never = new AbortController().signal

function emptyProject(): string {
  const root = mkdtempSync(join(tmpdir(), 'cowait-delivery-'))
  writeFileSync(join(root, 'package.json'), '{}')
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  return root
}

/** Of a program, for an engine on another host: it takes an image to see whether that has this host's folders. */
function delivery(root = emptyProject(), cacheFolder?: string): CodeDelivery {
  const client = { endpoint: { kind: 'tcp', name: 'far' } } as unknown as DockerClient
  const tree = { hash: 'h', files: [], directory: root, root, ...(cacheFolder !== undefined && { cacheFolder }) }
  return new CodeDelivery(tree, { client, engineId: 'e', labels: {}, runtimeDirectory })
}

test('what is wrong with the image of one start does not fail another that waits for the same code', async () => {
  const code = delivery()
  const first = code.mounts(
    () => Promise.reject(new Error('no such image')),
    never,
    () => {},
  )
  const second = code.mounts(
    () => Promise.reject(new Error('another has none either')),
    never,
    () => {},
  )
  await expect(first).rejects.toThrow('no such image')
  await expect(second).rejects.toThrow('another has none either')
})

test('a start that is cancelled leaves the code to the others, which have images of their own', async () => {
  const code = delivery()
  const gone = new AbortController()
  const image = new Promise<string>((_, reject) => gone.signal.addEventListener('abort', () => reject(gone.signal.reason as Error)))
  image.catch(() => undefined)
  const first = code.mounts(
    () => image,
    gone.signal,
    () => {},
  )
  const second = code.mounts(
    () => Promise.reject(new Error('mine')),
    never,
    () => {},
  )
  gone.abort(new Error('enough'))
  await expect(first).rejects.toThrow('enough')
  await expect(second).rejects.toThrow('mine')
})

test('what is made for a project that cannot be written to is kept where its cache is', () => {
  const [root, elsewhere] = [emptyProject(), emptyProject()]
  delivery(root, join(elsewhere, '.cowait/cache'))
  expect(existsSync(join(root, '.cowait'))).toBe(false)
  expect(existsSync(join(elsewhere, '.cowait/cache/docker'))).toBe(true)
})
