import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import type { TreeFile, TreeManifest } from '../core/tree.ts'
import { TREE_MANIFEST } from '../core/tree.ts'
import type { CacheFolder } from './cache-folder.ts'
import { Compilation } from './compilation.ts'
import { compilerVersion } from './compiler-version.ts'
import { above } from './folders.ts'
import { IGNORE_FILES } from './ignore-rules.ts'
import { jsonModuleCode } from './json-module.ts'
import { hasObject, putObject, sha256 } from './objects.ts'
import { type ProjectPlace, projectPath } from './project.ts'
import { Scan, TooLargeError, UnreadableError, readStamp } from './scan.ts'
import { loaderOf } from './source.ts'
import { RUNTIME_CODE, RUNTIME_PATH } from './tree-runtime.ts'
import { type IndexedFile, type TreeIndex, filesOf, hashOf } from './tree-index.ts'

/** Reads, compiles and keeps what is new since the last time. Afterwards every file of the tree is among the objects. */
export async function buildTree(
  cache: CacheFolder,
  place: ProjectPlace,
  known: TreeIndex | undefined,
  signal?: AbortSignal,
): Promise<TreeIndex> {
  const scannedAtMs = Date.now()
  const scan = scanProject(place)
  await using compilation = new Compilation({ cache, place, scan, known, scannedAtMs, signal })
  const { files, layout, configs, configsElsewhere } = await compilation.run()
  const generated = generate(cache, place, files, compilation)
  return {
    version: compilerVersion(),
    scannedAtMs,
    hash: hashOf(filesOf(files, generated)),
    layout,
    configs,
    files,
    generated,
    folders: Object.fromEntries(scan.folders),
    installs: [...scan.installs].sort(),
    watched: Object.fromEntries(
      [...pathsToWatch(place), ...ignoredIgnoreFiles(place, scan), ...configsElsewhere, ...placesOfAwaited(files)].map((path) => [
        path,
        readStamp(path) ?? null,
      ]),
    ),
  }
}

/**
 * A folder that nothing but a task's file makes a project may be anything, a home folder too: what is hidden in it stays there,
 * and where the rest is too much its code alone is taken.
 */
function scanProject(place: ProjectPlace): Scan {
  const project = projectPath(place)
  try {
    const scan = new Scan(place.treeRoot, place.loose ? 'skipped' : 'taken')
    scan.addFolder(project)
    scan.addPackageFiles(project)
    return scan
  } catch (error) {
    if (!place.loose || !(error instanceof TooLargeError || error instanceof UnreadableError)) throw error
    const scan = new Scan(place.treeRoot)
    scan.addFilesOf(project, (name) => loaderOf(name) !== undefined && !name.startsWith('.'))
    return scan
  }
}

function generate(
  cache: CacheFolder,
  place: ProjectPlace,
  files: Readonly<Record<string, IndexedFile>>,
  compilation: Compilation,
): TreeFile[] {
  const keep = (path: string, text: string): TreeFile => {
    const content = { sha256: sha256(text), size: Buffer.byteLength(text), isExecutable: false }
    if (!hasObject(cache, content)) putObject(cache, content, text)
    return { path, mode: 0o644, size: content.size, sha256: content.sha256 }
  }
  const compiled = Object.values(files).flatMap((file) => file.compiled ?? [])
  const modules = compiled.map(({ module, path }): [string, string] => [module, path]).sort(([a], [b]) => (a < b ? -1 : 1))
  const manifest: TreeManifest = { project: projectPath(place), modules: Object.fromEntries(modules) }
  const json = [...new Set(compiled.flatMap(({ jsonModules }) => jsonModules))].sort()
  return [
    keep(TREE_MANIFEST, `${JSON.stringify(manifest)}\n`),
    ...(compiled.some(({ usesRuntime }) => usesRuntime) ? [keep(RUNTIME_PATH, RUNTIME_CODE)] : []),
    ...json.map((path) => keep(`${path}.mjs`, jsonModuleCode(path, compilation.textOf(path)))),
  ]
}

/** What lies around the tree and decides what is in it, or what a package's name means. */
function pathsToWatch({ root, treeRoot }: ProjectPlace): string[] {
  const around = above(treeRoot)
  const repository = around.find((folder) => existsSync(join(folder, '.git')))
  const ignoring = repository ? around.slice(1, around.indexOf(repository) + 1) : []
  const ignores = ignoring.flatMap((folder) => IGNORE_FILES.map((name) => join(folder, name)))
  if (repository) ignores.push(join(repository, '.git', 'info', 'exclude'))
  const packages = around.slice(1).map((folder) => join(folder, 'package.json'))
  return [...ignores, ...packages, ...above(root).flatMap(installFolders)]
}

/** What changes when a file comes that is imported and was not there: the folder that it is in, or is, ignored ones too. */
function placesOfAwaited(files: Readonly<Record<string, IndexedFile>>): string[] {
  const awaited = Object.values(files).flatMap(({ compiled }) => compiled?.awaits ?? [])
  return [...new Set(awaited.flatMap((path) => [path, dirname(path)]))]
}

/** Ignore files that are left out themselves. That one comes shows in its folder, and not that it changes. */
function ignoredIgnoreFiles({ treeRoot }: ProjectPlace, { files, folders }: Scan): string[] {
  const paths = [...folders.keys()].flatMap((folder) => IGNORE_FILES.map((name) => posix.join(folder, name)))
  return paths
    .filter((path) => !files.has(path))
    .map((path) => join(treeRoot, path))
    .filter((path) => existsSync(path))
}

/** A package is installed, linked or removed by a change of one of these. */
function installFolders(folder: string): string[] {
  const path = join(folder, 'node_modules')
  if (!existsSync(path)) return [path]
  return [
    path,
    join(path, '.package-lock.json'),
    ...readdirSync(path)
      .filter((name) => name.startsWith('@'))
      .map((name) => join(path, name)),
  ]
}
