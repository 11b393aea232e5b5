// One channel of a recording for both ears. The graph of Web Audio that it needs exists from its first use on.

export interface Solo {
  hear(channel: number | null): boolean;
  /** Within a gesture: browsers suspend what began without one. */
  resume(): void;
  dispose(): void;
}

/** A recording has a channel for each party, and there are two. */
const CHANNELS = 2;

export function createSolo(audio: HTMLAudioElement): Solo {
  let graph: ReturnType<typeof build> | null = null;

  return {
    hear(channel) {
      if (channel === null && graph === null) return true;
      if (channel !== null && !(channel >= 0 && channel < CHANNELS)) return false;
      try {
        graph ??= build(audio);
        graph.hear(channel);
        void graph.context.resume().catch(() => {});
        return true;
      } catch {
        return false;
      }
    },
    resume() {
      if (graph !== null && graph.context.state !== 'running') void graph.context.resume().catch(() => {});
    },
    dispose() {
      void graph?.context.close().catch(() => {});
      graph = null;
    },
  };
}

function build(audio: HTMLAudioElement) {
  const context = new AudioContext({ latencyHint: 'playback' });
  const source = context.createMediaElementSource(audio);
  const splitter = context.createChannelSplitter(CHANNELS);
  const merger = context.createChannelMerger(CHANNELS);
  merger.connect(context.destination);
  const hear = (channel: number | null): void => {
    source.disconnect();
    splitter.disconnect();
    if (channel === null) {
      source.connect(context.destination);
      return;
    }
    source.connect(splitter);
    for (let ear = 0; ear < CHANNELS; ear++) splitter.connect(merger, channel, ear);
  };
  return { context, hear };
}
