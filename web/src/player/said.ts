// What an event of `/events` says, if it is one that we know.

import type { ServerEvent } from '../service/event-stream.ts';
import type { RecordingStatus, Stage } from '../service/shapes.ts';

export type Said =
  | { readonly of: 'recording'; readonly status: RecordingStatus }
  | { readonly of: 'stages'; readonly stages: readonly Stage[] };

export function readSaid({ name, data }: ServerEvent): Said | null {
  const said = parse(data);
  if (name === 'message' && isStatus(said)) return { of: 'recording', status: said };
  if (name === 'stages' && hasStages(said)) return { of: 'stages', stages: said.stages };
  return null;
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}

function isStatus(said: unknown): said is RecordingStatus {
  return typeof said === 'object' && said !== null && 'state' in said && 'received_bytes' in said;
}

function hasStages(said: unknown): said is { readonly stages: readonly Stage[] } {
  return typeof said === 'object' && said !== null && 'stages' in said && Array.isArray(said.stages);
}
