import { readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { CacheFolder } from './cache-folder.ts'
import { hashOfName, removeTree } from './publish-tree.ts'

const KEPT_TREES = 5
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/**
 * A mark is an empty file. `TREE` says by its time when the tree of that name was used last, `TREE@PID@HOST` that a process uses it:
 * as long as it lives, or for a week where it lives elsewhere (another container on the same files).
 */
export function markUse(cache: CacheFolder, tree: string): void {
  touch(join(cache.uses, tree))
  touch(join(cache.uses, `${tree}@${process.pid}@${hostname()}`))
  for (const mark of readdirSync(cache.uses)) if (isDead(cache, mark)) rmSync(join(cache.uses, mark), { force: true })
}

/** Removes what no longer counts: all but the newest trees, then contents that no tree has, then old compiled files. */
export function prune(cache: CacheFolder, now: number = Date.now()): void {
  const marks = readdirSync(cache.uses)
  const inUse = new Set(marks.filter((mark) => mark.includes('@') && !isDead(cache, mark)).map((mark) => mark.split('@')[0]))
  const trees = readdirSync(cache.trees)
    .filter((name) => !name.startsWith('.'))
    .map((name) => ({ name, usedAt: timeOf(join(cache.uses, name)) ?? 0 }))
    .sort((a, b) => b.usedAt - a.usedAt)
  const old = trees.slice(KEPT_TREES).filter(({ name, usedAt }) => now - usedAt > HOUR_MS && !inUse.has(name))
  for (const { name } of old) {
    removeTree(cache, name)
    rmSync(join(cache.uses, name), { force: true })
  }
  if (old.length === 0) return
  for (const name of readdirSync(cache.trees)) {
    const path = join(cache.trees, name)
    if (name.startsWith('.') && now - (statSync(path, { throwIfNoEntry: false })?.ctimeMs ?? now) > HOUR_MS)
      rmSync(path, { recursive: true, force: true })
  }
  const left = new Set(readdirSync(cache.trees).map(hashOfName))
  for (const name of readdirSync(cache.described)) if (!left.has(hashOfName(name))) rmSync(join(cache.described, name), { force: true })
  for (const name of readdirSync(cache.objects)) {
    const stats = statSync(join(cache.objects, name), { throwIfNoEntry: false })
    // The last link but our own is gone, and not just now: another process may be about to make one.
    if (stats && stats.nlink === 1 && now - stats.ctimeMs > HOUR_MS) rmSync(join(cache.objects, name), { force: true })
  }
  for (const name of readdirSync(cache.analyses)) {
    if (now - (timeOf(join(cache.analyses, name)) ?? now) > 30 * DAY_MS) rmSync(join(cache.analyses, name), { force: true })
  }
}

function isDead(cache: CacheFolder, mark: string): boolean {
  const [, pid, host] = mark.split('@')
  if (pid === undefined) return false
  if (host !== hostname()) return Date.now() - (timeOf(join(cache.uses, mark)) ?? 0) > 7 * DAY_MS
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

function touch(path: string): void {
  const now = new Date()
  try {
    utimesSync(path, now, now)
  } catch {
    writeFileSync(path, '')
  }
}

function timeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs
}
