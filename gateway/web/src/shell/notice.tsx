import type { ComponentChildren } from 'preact'

interface NoticeProps {
  readonly kind: 'info' | 'good' | 'warning' | 'error'
  readonly children: ComponentChildren
}

/** A sentence that matters now; read out when it appears. */
export const Notice = ({ kind, children }: NoticeProps) => (
  <p class={`notice notice-${kind}`} role={kind === 'error' ? 'alert' : 'status'}>
    {children}
  </p>
)
