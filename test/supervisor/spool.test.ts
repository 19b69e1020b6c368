import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EngineError } from '../../src/core/errors.ts'
import type { Encoded } from '../../src/core/value.ts'
import { readWhole } from '../../src/protocol/values.ts'
import { Spool, StoredValue } from '../../src/supervisor/spool.ts'

const KiB = 1024
const LARGE = 2 * 1024 * KiB + 1
let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spool-'))
})

afterEach(() => rm(directory, { recursive: true }))

function encoded(size: number, fill: number = 1): Encoded {
  return { format: 'tagged', textBytes: Math.min(size, 10), data: Buffer.alloc(size, fill) }
}

describe('a value', () => {
  test('of up to 64 KiB stays in memory', async () => {
    const spool = new Spool(directory)
    const value = await spool.store(encoded(64 * KiB))
    expect(value.data?.length).toBe(64 * KiB)
    expect(spool.memoryBytes).toBe(64 * KiB)
    expect(await readdir(directory)).toEqual([])
    await value.release()
    await value.release()
    expect(spool.memoryBytes).toBe(0)
    await spool.close()
  })

  test('that is larger stays in memory only while values hold less than half of what they may', async () => {
    const spool = new Spool(directory, { maxMemoryBytes: 1000 * KiB })
    const values = await Promise.all(Array.from({ length: 7 }, () => spool.store(encoded(100 * KiB))))
    expect([spool.memoryBytes, spool.files]).toEqual([500 * KiB, 2])
    await Promise.all(values.map((value) => value.release()))
    expect([spool.memoryBytes, spool.files]).toEqual([0, 0])
    await spool.close()
  })

  test('that is larger than 2 MiB waits in a file that only its owner can read', async () => {
    const spool = new Spool(directory)
    const value = await spool.store(encoded(LARGE))
    expect(value.data).toBeUndefined()
    expect(spool.memoryBytes).toBe(0)
    const [file] = await readdir(directory)
    const { mode, size } = await stat(join(directory, file!))
    expect([(mode & 0o777).toString(8), size]).toEqual(['600', LARGE])
    await value.release()
    expect(await readdir(directory)).toEqual([])
    await spool.close()
  })

  test.each([0, 10, 64 * KiB, 300 * KiB])('of %i bytes comes out as it went in, as often as it is asked for', async (size) => {
    const spool = new Spool(directory)
    const data = Buffer.from(Array.from({ length: size }, (_, at) => at % 251))
    const sink = spool.sink({ format: 'json', text: size, size })
    for (let at = 0; at < size; at += 100_000) await sink.write(data.subarray(at, at + 100_000))
    const value = await sink.end()
    for (let times = 0; times < 2; times++) {
      const whole = await readWhole(value)
      expect([whole.format, whole.textBytes, Buffer.compare(whole.data, data)]).toEqual(['json', size, 0])
    }
    if (size > 5) expect(Buffer.from(await value.read(3, 2))).toEqual(data.subarray(3, 5))
    await spool.close()
  })

  test('has the same hash in memory and in a file, and another one for other bytes, format or text', async () => {
    const memory = new Spool(directory)
    const files = new Spool(directory, { maxMemoryBytes: 0 })
    const base = encoded(1000)
    const hashes = [
      await (await memory.store(base)).hash(),
      await (await files.store(base)).hash(),
      await StoredValue.of(base).hash(),
      await StoredValue.of(encoded(1000, 2)).hash(),
      await StoredValue.of({ ...base, format: 'json' }).hash(),
      await StoredValue.of({ ...base, textBytes: 11 }).hash(),
    ]
    expect(hashes[0]).toMatch(/^[0-9a-f]{64}$/)
    expect(new Set(hashes.slice(0, 3)).size).toBe(1)
    expect(new Set(hashes).size).toBe(4)
    await files.close()
  })

  test('is shown as text when it is in memory, else as its size', async () => {
    expect(StoredValue.of({ format: 'json', textBytes: 4, data: Buffer.from('"ä"') }).preview()).toEqual({ format: 'json', text: '"ä"' })
    const spool = new Spool(directory)
    expect((await spool.store(encoded(LARGE))).preview()).toEqual({ bytes: LARGE })
    await spool.close()
  })
})

describe('a spool', () => {
  test('holds a bounded amount of memory, however many small values there are', async () => {
    const spool = new Spool(directory, { maxMemoryBytes: 1000 * KiB })
    const values = await Promise.all(Array.from({ length: 100 }, () => spool.store(encoded(50 * KiB))))
    expect(spool.memoryBytes).toBe(1000 * KiB)
    expect(spool.files).toBe(80)
    expect((await readdir(directory)).length).toBe(80)
    await Promise.all(values.map((value) => value.release()))
    expect([spool.memoryBytes, spool.files, (await readdir(directory)).length]).toEqual([0, 0, 0])
    const again = await spool.store(encoded(50 * KiB))
    expect(again.data).toBeDefined()
    await spool.close()
  })

  test.skipIf(process.platform !== 'linux')('holds no descriptor for a value that waits', async () => {
    const open = async (): Promise<number> => (await readdir('/proc/self/fd')).length
    const spool = new Spool(directory)
    const before = await open()
    for (let n = 0; n < 20; n++) await (await spool.store(encoded(LARGE))).read(0, 10)
    expect(await open()).toBeLessThanOrEqual(before)
    await spool.close()
  })

  test('leaves no file when it is closed, and none of a value that was aborted or is still arriving', async () => {
    const spool = new Spool(directory, { maxMemoryBytes: 0 })
    await spool.store(encoded(100 * KiB))
    const aborted = spool.sink({ format: 'json', text: 1, size: 100 * KiB })
    await aborted.write(Buffer.alloc(10))
    expect((await readdir(directory)).length).toBe(2)
    await aborted.abort(new Error('cancelled'))
    expect((await readdir(directory)).length).toBe(1)
    const arriving = spool.sink({ format: 'json', text: 1, size: 100 * KiB })
    const writing = Promise.resolve(arriving.write(Buffer.alloc(10))).catch((error: unknown) => error)
    await spool.close()
    await writing
    await arriving.abort(new Error('closed'))
    expect(await readdir(directory)).toEqual([])
    await expect(spool.store(encoded(100 * KiB))).rejects.toThrow(/the supervisor is closing/)
    expect(await readdir(directory)).toEqual([])
  })

  test('says why a value cannot be kept, and goes on', async () => {
    const spool = new Spool(join(directory, 'missing'))
    const failure = spool.store(encoded(LARGE))
    await expect(failure).rejects.toBeInstanceOf(EngineError)
    await expect(failure).rejects.toThrow(/A value of 2097153 bytes cannot be kept in .*missing: ENOENT.*Make room there, or set TMPDIR/s)
    expect(spool.files).toBe(0)
    expect((await spool.store(encoded(10))).size).toBe(10)
    await spool.close()
  })

  test.skipIf(!canMount())('survives a full disk: the value that found no room is refused, and its part of the file is gone', async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory])
    try {
      const spool = new Spool(directory, { maxMemoryBytes: 0 })
      const kept = await spool.store(encoded(300 * KiB))
      await expect(spool.store(encoded(900 * KiB))).rejects.toThrow(/cannot be kept in .*: ENOSPC: no space left on device/)
      expect((await readdir(directory)).length).toBe(1)
      expect((await readWhole(kept)).data.length).toBe(300 * KiB)
      expect((await spool.store(encoded(500 * KiB))).size).toBe(500 * KiB)
      await spool.close()
      expect(await readdir(directory)).toEqual([])
    } finally {
      execFileSync('umount', [directory])
    }
  })
})

test('a value is not read after its release', async () => {
  const spool = new Spool(directory)
  const value = await spool.store(encoded(10))
  await value.release()
  await expect(async () => await value.read(0, 1)).rejects.toThrow('Bug: a stored value was read after its release')
})

function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  const folder = mkdtempSync(join(tmpdir(), 'mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'ignore' })
    execFileSync('umount', [folder], { stdio: 'ignore' })
    return true
  } catch {
    return false
  } finally {
    rmdirSync(folder)
  }
}
