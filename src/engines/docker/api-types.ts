/** The parts of the Docker Engine API's data that are read or written here. */

export interface ApiVersion {
  readonly MinAPIVersion?: string
}

export interface ApiInfo {
  readonly ID: string
  readonly NCPU: number
  readonly MemTotal: number
  /** `none` where the engine has no control groups, as a rootless one may. */
  readonly CgroupDriver?: string
  readonly OSType: string
  /** As the kernel calls it: `x86_64`. */
  readonly Architecture: string
  readonly OperatingSystem: string
  readonly SecurityOptions?: readonly string[]
}

export interface ApiImage {
  readonly Id: string
  readonly RepoDigests?: readonly string[]
  /** As Go calls it: `amd64`. */
  readonly Architecture?: string
  readonly Os?: string
  readonly Variant?: string
  readonly Config?: {
    readonly User?: string
    readonly Env?: readonly string[] | null
    readonly Volumes?: Readonly<Record<string, object>> | null
  } | null
}

export interface ApiMount {
  readonly Type: 'bind' | 'volume' | 'tmpfs'
  readonly Target: string
  readonly Source?: string
  readonly ReadOnly?: boolean
  readonly VolumeOptions?: { readonly NoCopy: boolean }
  readonly TmpfsOptions?: { readonly SizeBytes?: number; readonly Mode?: number }
}

export interface ApiContainerSpec {
  readonly Image: string
  readonly Hostname?: string
  readonly User?: string
  readonly Env?: readonly string[]
  readonly Entrypoint: readonly string[]
  readonly Cmd: readonly string[]
  readonly WorkingDir?: string
  readonly Labels: Readonly<Record<string, string>>
  readonly ExposedPorts?: Readonly<Record<string, object>>
  readonly Healthcheck?: { readonly Test: readonly string[] }
  readonly OpenStdin?: boolean
  readonly StdinOnce?: boolean
  readonly AttachStdin?: boolean
  readonly AttachStdout?: boolean
  readonly AttachStderr?: boolean
  readonly Tty?: boolean
  readonly HostConfig: {
    readonly AutoRemove?: boolean
    readonly NetworkMode?: string
    readonly LogConfig?: { readonly Type: string }
    readonly CapDrop?: readonly string[]
    readonly SecurityOpt?: readonly string[]
    readonly PidsLimit?: number
    readonly NanoCpus?: number
    readonly Memory?: number
    readonly MemorySwap?: number
    readonly MemoryReservation?: number
    readonly DeviceRequests?: readonly {
      readonly Driver?: string
      readonly Count: number
      readonly Capabilities: readonly (readonly string[])[]
    }[]
    readonly Mounts?: readonly ApiMount[]
    readonly Tmpfs?: Readonly<Record<string, string>>
    readonly PortBindings?: Readonly<Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[]>>
    readonly ExtraHosts?: readonly string[]
  }
  readonly NetworkingConfig?: {
    readonly EndpointsConfig: Readonly<Record<string, { readonly NetworkID: string }>>
  }
}

export interface ApiContainer {
  readonly Id: string
  readonly State: {
    readonly Status: string
    readonly Running: boolean
    readonly Paused: boolean
    readonly OOMKilled: boolean
    readonly ExitCode: number
    readonly Error: string
  }
  readonly NetworkSettings?: {
    readonly Ports?: Readonly<Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>>
  }
}

export interface ApiExec {
  readonly Running: boolean
  readonly ExitCode: number | null
}

export interface ApiNetwork {
  readonly Id: string
  readonly Name: string
  /** To the nanosecond, as RFC 3339 has it. */
  readonly Created: string
}

export interface ApiVolume {
  readonly Name: string
  readonly Labels: Readonly<Record<string, string>> | null
}

export interface ApiListed {
  readonly Id: string
  /** Each with a slash before it. */
  readonly Names: readonly string[]
  /** Seconds since 1970. */
  readonly Created: number
  readonly Labels: Readonly<Record<string, string>>
}

export interface ApiEvent {
  readonly Action: string
  readonly timeNano?: number
  readonly Actor: { readonly ID: string; readonly Attributes?: Readonly<Record<string, string>> }
}
