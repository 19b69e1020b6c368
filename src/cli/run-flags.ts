/** What `cowait run` and its kin take, as commander hands it over. */
export interface RunFlags {
  readonly input?: readonly string[]
  readonly file?: string
  readonly engine?: string
  readonly cluster?: string
  readonly image?: string
  readonly env?: readonly string[]
  readonly envFile?: readonly string[]
  readonly cpu?: string
  readonly memory?: string
  readonly volume?: readonly string[]
  readonly port?: readonly string[]
  readonly timeout?: string
  readonly grace?: string
  readonly retry?: string
  readonly keepFailed?: boolean
  readonly detach?: boolean
  readonly concurrency?: string
  readonly json?: boolean
  readonly ndjson?: boolean
  readonly quiet?: boolean
  readonly progress?: 'auto' | 'tree' | 'plain'
  readonly cwd?: string
  readonly config?: string
  readonly record?: boolean
  readonly help?: boolean
}
