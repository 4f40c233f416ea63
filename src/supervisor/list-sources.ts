/**
 * The lists that the server gets by itself, whatever their source: from an address or a file
 * (`list-updater`), or as the zone of another server (`zone-service`).
 */

import type { Config } from '../config/config.ts';
import type { ListUpdates, ListUpdateState, MetricSample } from './control-plane-contract.ts';
import type { ListUpdater } from './list-updater.ts';
import type { ZoneService } from './zone-service.ts';

export class ListSources implements ListUpdates {
  readonly #updater: ListUpdater;
  readonly #zones: ZoneService;

  constructor(updater: ListUpdater, zones: ZoneService) {
    this.#updater = updater;
    this.#zones = zones;
  }

  /** Before anything is served: what the configuration names must be there. @throws AppError */
  open(): Promise<void> {
    return this.#zones.open();
  }

  start(): void {
    this.#updater.start();
    this.#zones.start();
  }

  /** To be called when the lists may have changed. */
  wake(): void {
    this.#updater.wake();
    this.#zones.wake();
  }

  /** @throws AppError `TSIG_KEY_UNUSABLE`, and nothing has changed */
  reload(config: Pick<Config, 'lists'>): void {
    this.#zones.reload(config);
  }

  /** Gives up what is under way. */
  async stop(): Promise<void> {
    await Promise.all([this.#updater.stop(), this.#zones.stop()]);
  }

  async update(list: string, actor: string): Promise<ListUpdateState> {
    return await (await this.#sourceOf(list)).update(list, actor);
  }

  async state(list: string): Promise<ListUpdateState> {
    return await (await this.#sourceOf(list)).state(list);
  }

  samples(): readonly MetricSample[] {
    return [...this.#updater.samples(), ...this.#zones.samples()];
  }

  async #sourceOf(list: string): Promise<ListUpdates> {
    const { transfers } = this.#zones;
    return (await transfers.has(list)) ? transfers : this.#updater;
  }
}
