/** What is read of the API's objects. */
export interface Metadata {
  readonly name: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly { readonly name: string; readonly uid?: string }[]
}

export interface Waiting {
  readonly reason?: string
  readonly message?: string
}

export interface ContainerStatus {
  readonly name: string
  readonly state?: {
    readonly waiting?: Waiting
    readonly running?: object
    readonly terminated?: { readonly exitCode: number; readonly reason?: string; readonly message?: string; readonly signal?: number }
  }
}

export interface Condition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
}

export interface Pod {
  readonly metadata: Metadata
  readonly spec?: { readonly nodeName?: string; readonly initContainers?: readonly { readonly name: string; readonly image?: string }[] }
  readonly status?: {
    readonly phase?: string
    readonly reason?: string
    readonly message?: string
    readonly podIP?: string
    readonly conditions?: readonly Condition[]
    readonly containerStatuses?: readonly ContainerStatus[]
    readonly initContainerStatuses?: readonly ContainerStatus[]
  }
}

export interface Listed<T> {
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string }
  readonly items: readonly T[]
}

export interface Job {
  readonly metadata: Metadata
  readonly spec?: {
    readonly template?: { readonly spec?: { readonly containers?: readonly { readonly command?: readonly string[] }[] } }
  }
}

/** How the API server says that it refuses. */
export interface ApiStatus {
  readonly kind?: string
  readonly code?: number
  readonly reason?: string
  readonly message?: string
  readonly details?: { readonly kind?: string; readonly name?: string; readonly retryAfterSeconds?: number }
}
