/** A tree of files: one version of a program. */

export interface TreeFile {
  /** Relative to the tree's root, with forward slashes. */
  readonly path: string
  /** Permission bits: 0o644 or 0o755. */
  readonly mode: number
  readonly size: number
  /** SHA-256 of the content, hex. */
  readonly sha256: string
}

/** A version of the user's program: a sorted list of files, the hash over it, and where the files are on this host. */
export interface Tree {
  /** SHA-256 over the sorted list of path, mode and content hash; hex. Two trees with one hash are the same program. */
  readonly hash: string
  readonly files: readonly TreeFile[]
  /** A folder on this host that holds exactly these files (and a link to our own package). Never to be written to. */
  readonly directory: string
  /** The user's folder that the tree was made from. */
  readonly root: string
  /** For what is made from it, on this host; `.cowait/cache` in the root unless told. */
  readonly cacheFolder?: string
  /** The project's root relative to the tree's, with forward slashes; absent where they are the same. In a workspace they differ. */
  readonly project?: string
}

/** Where a tree keeps its manifest, relative to its root. Generated; part of the tree like any other file. */
export const TREE_MANIFEST = '.cowait/tree.json'

/** What a worker needs to find a task's code in a tree. */
export interface TreeManifest {
  /** As in `Tree`; empty where both roots are the same. */
  readonly project: string
  /** A task's module (`TaskRef.module`) to the file to import, relative to the tree's root. */
  readonly modules: Readonly<Record<string, string>>
}

/** A tree as an engine's workers see it. */
export interface TreeRef {
  readonly hash: string
  /** Absolute path of the tree's root inside the worker. */
  readonly path: string
  /** Absolute working directory of tasks inside the worker. */
  readonly cwd: string
}

const NEVER_INCLUDED: ReadonlySet<string> = new Set([
  'node_modules',
  '.git',
  '.cowait',
  // Where tools keep passwords and keys.
  '.aws',
  '.docker',
  '.git-credentials',
  '.gnupg',
  '.kube',
  '.netrc',
  '.npmrc',
  '.pgpass',
  '.ssh',
  '.yarnrc.yml',
])

/** Never part of a tree, whatever the ignore files say. */
export function isNeverIncluded(name: string): boolean {
  return NEVER_INCLUDED.has(name) || name.startsWith('.env')
}

/** The module that a name means, which may have its file's ending, as on the command line; undefined for none. */
export function moduleNamed(name: string, modules: { has(module: string): boolean }): string | undefined {
  return [name, name.replace(/\.(?:[cm]?[jt]s|[jt]sx)$/, '')].find((each) => modules.has(each))
}
