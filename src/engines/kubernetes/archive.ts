/** One version of the program as one compressed archive, made once and sent to every pod: the code, what it can load, and our runtime. */
import { createReadStream, readFileSync, readdirSync, realpathSync, readlinkSync, lstatSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join, posix } from 'node:path'
import { Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { EngineError } from '../../core/errors.ts'
import type { Tree } from '../../core/tree.ts'
import { layOut, type Layout } from '../delivery/code-layout.ts'
import { ownManifest } from '../delivery/own-package.ts'
import { packageFiles, placeIn, usedPackages } from '../delivery/used-packages.ts'
import type { DetachedPlace } from './detached/place.ts'
import { programFolder } from './pod-folders.ts'
import type { ArchiveEntry } from './pod-frames.ts'

export interface Archive {
  /** The worker's, inside the pod. */
  readonly program: string
  /** Compressed, in pieces that fit a frame. */
  readonly pieces: readonly Buffer[]
  readonly bytes: number
}

interface Entry extends ArchiveEntry {
  /** Where the content is read; absent for a text. */
  readonly from?: string
  readonly text?: string
}

const pieceBytes = 64 << 10
const largestBytes = 64 << 20

/** An archive as it was received in a pod, which workers get as it is. */
export async function readArchive({ archive, program }: DetachedPlace): Promise<Archive> {
  const bytes = await readFile(archive)
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += pieceBytes) pieces.push(bytes.subarray(at, at + pieceBytes))
  return { program, pieces, bytes: bytes.length }
}

/** What no pod loads, and what only one loads that holds a supervisor. */
const programs = { nobody: /^(cli|command-line-\w+)\.c?js$/, supervisor: /^(detached|pod)\.js$/ }

/**
 * For a worker, or for a `supervisor` that starts workers with the same archive. Throws an `EngineError` when it is too large to be sent
 * for every worker.
 */
export async function makeArchive(
  tree: Tree,
  runtimeDirectory: string,
  signal: AbortSignal,
  { supervisor = false }: { readonly supervisor?: boolean } = {},
): Promise<Archive> {
  const layout = layOut(tree, runtimeDirectory, programFolder)
  const isLoaded = (name: string): boolean => !programs.nobody.test(name) && (supervisor || !programs.supervisor.test(name))
  const entries = [...entriesOf(tree, layout, runtimeDirectory, isLoaded)]
  const pieces: Buffer[] = []
  let bytes = 0
  let piece: Buffer[] = []
  let filled = 0
  // Level 1: three times as fast as the default, and a tenth larger.
  const compressed = Readable.from(contents(entries), { objectMode: false }).pipe(createGzip({ level: 1, chunkSize: pieceBytes }))
  for await (const chunk of compressed as AsyncIterable<Buffer>) {
    signal.throwIfAborted()
    bytes += chunk.length
    if (bytes > largestBytes) throw tooLarge(entries)
    piece.push(chunk)
    filled += chunk.length
    if (filled < pieceBytes) continue
    pieces.push(Buffer.concat(piece))
    piece = []
    filled = 0
  }
  if (filled > 0) pieces.push(Buffer.concat(piece))
  return { program: layout.program, pieces, bytes }
}

async function* contents(entries: readonly Entry[]): AsyncGenerator<Buffer, void> {
  for (const { from, text, ...entry } of entries) {
    const content =
      from !== undefined && (entry.size ?? 0) <= 1 << 20 ? readFileSync(from) : text === undefined ? undefined : Buffer.from(text)
    const size = content?.length ?? entry.size
    yield Buffer.from(`${JSON.stringify({ ...entry, ...(size !== undefined && { size }) })}\n`)
    if (content) yield content
    else if (from !== undefined) yield* createReadStream(from, { end: (size ?? 0) - 1, highWaterMark: 256 << 10 }) as AsyncIterable<Buffer>
  }
}

function* entriesOf(tree: Tree, layout: Layout, runtimeDirectory: string, isLoaded: (name: string) => boolean): Generator<Entry, void> {
  const dependencies: { source: string; target: string }[] = []
  for (const part of layout.parts) {
    const { target } = part
    switch (part.content) {
      case 'code':
        for (const { path, mode } of tree.files) {
          const from = join(tree.directory, path)
          yield { at: posix.join(target, path), from, mode, size: statSync(from).size }
        }
        // A project without files of its own in its root still starts there.
        yield { at: target }
        break
      case 'dependencies':
        dependencies.push({ source: part.source ?? '', target })
        break
      case 'runtime':
        yield* runtimeFiles(part.source ?? '', target, isLoaded)
        break
      case 'package':
        yield textEntry(posix.join(target, 'package.json'), ownManifest(runtimeDirectory))
        break
      case 'link':
        yield { at: posix.join(target, 'cowait'), link: posix.relative(target, layout.packageTarget) }
    }
  }
  // The project's own installed copy is the one that runs here; it would come with the dependencies.
  if (!layout.parts.some(({ content }) => content === 'runtime'))
    yield* runtimeFiles(runtimeDirectory, posix.dirname(layout.program), isLoaded)
  // The project is our own package: its manifest is part of its code, unless the code is only a part of it.
  if (!layout.parts.some(({ content }) => content === 'package')) {
    const manifest = posix.join(layout.packageTarget, 'package.json')
    const isThere = tree.files.some(({ path }) => posix.join(layout.parts[0]?.target ?? '', path) === manifest)
    if (!isThere) yield textEntry(manifest, ownManifest(runtimeDirectory))
  }
  yield* packageEntries(tree, dependencies)
}

function* packageEntries(tree: Tree, parts: readonly { source: string; target: string }[]): Generator<Entry, void> {
  const places = parts.map(({ source, target }) => ({ source: realpathSync(source), target }))
  const insideOf = (path: string): string | undefined => {
    for (const { source, target } of places) {
      const inside = placeIn(source, path)
      if (inside !== undefined) return posix.join(target, inside)
    }
    return undefined
  }
  const done = new Set<string>()
  for (const { place, folder } of usedPackages(tree)) {
    const link = insideOf(place)
    const known = insideOf(folder)
    const at = known ?? link
    if (at === undefined) continue
    // A link that leads elsewhere: what lies there comes to its place, with the dependencies of its own.
    if (known === undefined) places.push({ source: folder, target: at })
    if (link !== undefined && link !== at && lstatSync(place).isSymbolicLink() && !done.has(link)) {
      done.add(link)
      yield { at: link, link: posix.relative(posix.dirname(link), at) || readlinkSync(place) }
    }
    if (done.has(at)) continue
    done.add(at)
    for (const file of packageFiles(folder)) {
      const from = join(folder, file)
      const { size, mode } = statSync(from)
      yield { at: posix.join(at, file), from, size, mode: mode & 0o111 ? 0o755 : 0o644 }
    }
  }
}

/** Programs and what they load: no page of a report, no declarations. */
function* runtimeFiles(folder: string, target: string, isLoaded: (name: string) => boolean): Generator<Entry, void> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    const at = posix.join(target, basename(path))
    if (entry.isDirectory() && entry.name === 'chunks') yield* runtimeFiles(path, at, isLoaded)
    else if (entry.isFile() && /\.c?js$/.test(entry.name) && isLoaded(entry.name))
      yield { at, from: path, mode: 0o644, size: statSync(path).size }
  }
}

function textEntry(at: string, text: string): Entry {
  return { at, text, mode: 0o644 }
}

function tooLarge(entries: readonly Entry[]): EngineError {
  const sizes = new Map<string, number>()
  for (const { at, size = 0 } of entries) {
    const name = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)/.exec(at)?.[1] ?? at
    sizes.set(name, (sizes.get(name) ?? 0) + size)
  }
  const largest = [...sizes].toSorted((a, b) => b[1] - a[1]).slice(0, 5)
  const list = largest.map(([name, size]) => `${name} (${Math.ceil(size / (1 << 20))} MiB)`).join(', ')
  return new EngineError(
    `The code and its dependencies take more than ${largestBytes >> 20} MiB compressed, too much to send to every pod. Largest: ${list}.`,
    {
      hint: 'Build an image that has the large packages in /node_modules, and remove them from the project; set it with "image".',
    },
  )
}
