import { existsSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { above, readPackage, toSlashes } from './folders.ts'

const LOCKFILES = ['package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock', 'bun.lockb']

/** The folder of the lockfile of the workspace that a project belongs to; undefined for a project of its own. */
export async function findWorkspaceRoot(root: string): Promise<string | undefined> {
  const locked = above(root).find((folder) => LOCKFILES.some((name) => existsSync(join(folder, name))))
  if (!locked || locked === root) return locked
  return (await isMember(await workspacePatterns(locked), toSlashes(relative(locked, root)))) ? locked : undefined
}

async function workspacePatterns(folder: string): Promise<string[]> {
  const pnpm = join(folder, 'pnpm-workspace.yaml')
  if (existsSync(pnpm)) {
    const { parse } = await import('yaml')
    return strings((parse(readFileSync(pnpm, 'utf8')) as { packages?: unknown } | null)?.packages)
  }
  const { workspaces } = readPackage(folder)
  return strings(Array.isArray(workspaces) ? workspaces : (workspaces as { packages?: unknown } | undefined)?.packages)
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
}

/** Workspace patterns are read as gitignore patterns from the workspace's root, which mean the same for folders. */
async function isMember(patterns: readonly string[], path: string): Promise<boolean> {
  const { default: ignore } = await import('ignore')
  const anchored = patterns.map((each) => each.replace(/^(!?)(?:\.?\/)?/, '$1/'))
  return ignore().add(anchored).ignores(path)
}
