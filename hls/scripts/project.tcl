# Vitis HLS: simulate the C++, turn it into RTL, and check that RTL against the same vectors.
#
#   vitis_hls -f project.tcl            in this folder
#
# parameters.tcl says which top, device and clock.  The testbench's vectors are the .bin files in
# ../csim; `hwgen csim` writes them.

cd [file dirname [file normalize [info script]]]
source parameters.tcl

# Vitis HLS reads constants as text only.
foreach rom $roms {
    lassign $rom name rows columns format
    set from [open $name.rom rb]
    set to [open $name.inc w]
    puts $to "{"
    set size [expr {$columns * [string length [binary format $format 0]]}]
    for {set row 0} {$row < $rows} {incr row} {
        binary scan [read $from $size] $format$columns codes
        puts $to "    {[join $codes {, }]},"
    }
    puts $to "}"
    close $from
    close $to
}

set flags "-std=c++17 -Iinclude -DHWGEN_USE_AP_INT"
open_project -reset vitis
set_top $top
add_files top.cpp -cflags $flags
add_files -tb main.cpp -cflags $flags
foreach vectors [lsort [glob -nocomplain ../csim/*.bin]] {
    add_files -tb $vectors
}
open_solution -reset solution -flow_target vivado
set_part $part
create_clock -period $clock_ns
csim_design
csynth_design
cosim_design
export_design -format ip_catalog
exit
