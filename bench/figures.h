// SPDX-License-Identifier: MIT
// What every benchmark program has: options, the probes of the machine, figures with their targets.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace sosw::bench {

struct Samples {
  std::vector<double> values;
  void add(double value) { values.push_back(value); }
  // Each REQUIRES: not empty.
  [[nodiscard]] double median() const { return quantile(0.5); }
  [[nodiscard]] double quantile(double q) const;
  [[nodiscard]] double min() const;
  [[nodiscard]] double max() const;
};

struct Figure {
  std::string name;
  std::string unit;
  Samples samples;  // one for each run
  std::optional<double> target;
  enum class Better : unsigned char { higher, lower } better = Better::higher;
};

// One benchmark program: usage NAME_bench [--quick] [--json] [--runs N] [--folder DIR].
class Bench {
 public:
  // Ends the program when the arguments are wrong, or ask for help.
  Bench(std::string name, int argc, char** argv);
  ~Bench();
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  [[nodiscard]] bool quick() const { return quick_; }  // numbers too small to mean anything
  [[nodiscard]] int runs() const { return runs_; }
  // An empty folder on the disk that is measured; it goes when the program ends.
  [[nodiscard]] std::filesystem::path fresh_folder();

  // Measures what this machine can do now: writes that reach the disk, an HTTP echo. Before every
  // measurement: both change by the minute.
  void probe();
  // Medians over the probes of this run.
  [[nodiscard]] double fsync_ms() const { return fsync_ms_.median(); }
  [[nodiscard]] double fsyncs_per_s() const { return fsync_rate_.median(); }
  [[nodiscard]] double last_fsyncs_per_s() const { return fsync_rate_.values.back(); }

  void add(Figure figure);
  // Prints the figures; the exit code: 1 when one of them is missing or is no positive number.
  [[nodiscard]] int finish();

 private:
  void print_table() const;
  void print_json() const;

  std::string name_;
  bool quick_ = false, json_ = false;
  int runs_ = 0;
  std::filesystem::path folder_;
  int folders_ = 0;
  Samples fsync_ms_, fsync_rate_, echo_rate_;
  std::vector<Figure> figures_;
};

[[nodiscard]] double seconds_now();  // steady clock

// Prints what is wrong and ends the program: a benchmark has nobody to hand an error to.
[[noreturn]] void give_up(const std::string& what);

}  // namespace sosw::bench
